import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Operation, Wire, Wiring } from './circuit.ts';

/** A kernel that reads channels through gains, then biases. */
export interface Reader {
  readonly kernel: Extract<Operation, { type: 'matmul' }>;
  readonly gains: readonly LayerVariable[];
  readonly biases: readonly LayerVariable[];
}

/** The kernels that read a wire through gains, then biases, all of them free; null if anything else reads it. */
export function kernelsReading(
  wire: Wire,
  wiring: Wiring,
  gains: readonly LayerVariable[] = [],
  biases: readonly LayerVariable[] = [],
): Reader[] | null {
  const readers: Reader[] = [];
  for (const operation of wiring.readersOf(wire)) {
    let next: Reader[] | null = null;
    if (operation.type === 'matmul' && wiring.isFree(operation.kernel))
      next = [{ kernel: operation, gains, biases }];
    else if (operation.type === 'gain' && operation.axes.length === 1 && biases.length === 0)
      next = kernelsReading(operation.y, wiring, [...gains, operation.vector], biases);
    else if (operation.type === 'bias' && wiring.isFree(operation.vector))
      next = kernelsReading(operation.y, wiring, gains, [...biases, operation.vector]);
    if (next === null) return null;
    readers.push(...next);
  }
  return readers;
}
