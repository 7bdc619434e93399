import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Operation, Wire, Wiring } from './circuit.ts';

/** A kernel that reads channels behind gains, then biases. */
export interface Reader {
  readonly kernel: Extract<Operation, { type: 'matmul' }>;
  readonly gains: readonly LayerVariable[];
  readonly biases: readonly LayerVariable[];
}

/** The kernels that read a wire behind gains, then biases, all of them free; null where something else reads it. */
export function kernelsReading(
  wire: Wire,
  wiring: Wiring,
  gains: readonly LayerVariable[] = [],
  biases: readonly LayerVariable[] = [],
): Reader[] | null {
  const readers: Reader[] = [];
  for (const at of wiring.readersOf(wire)) {
    let next: Reader[] | null = null;
    if (at.type === 'matmul' && wiring.isFree(at.kernel)) next = [{ kernel: at, gains, biases }];
    else if (at.type === 'gain' && at.axes.length === 1 && biases.length === 0)
      next = kernelsReading(at.y, wiring, [...gains, at.vector], biases);
    else if (at.type === 'bias' && wiring.isFree(at.vector))
      next = kernelsReading(at.y, wiring, gains, [...biases, at.vector]);
    if (next === null) return null;
    readers.push(...next);
  }
  return readers;
}
