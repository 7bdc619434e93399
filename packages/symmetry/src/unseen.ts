import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { centredWeights } from './centrings.ts';
import { type Circuit, type Wire, Wiring } from './circuit.ts';
import { kernelsReading, type Reader } from './readers.ts';
import type { Symmetry } from './symmetry.ts';

/** A kernel to which one number can be added for all inputs, because the sum of its inputs is constant. */
export interface Unseen extends Symmetry {
  readonly reader: Reader;
  /** The sum of the inputs before gains and biases: zero after a mean was subtracted, one after softmax. */
  readonly sum: 0 | 1;
  /** The bias that compensates what the sum adds, if it is not zero. */
  readonly absorber: LayerVariable | null;
}

/**
 * The kernels that read channels whose sum is constant: weights that are the same for all inputs add a constant, or
 * nothing. If the outputs of such a kernel are centred, one of these directions is among those of `centringsOf` and is
 * not counted again.
 */
export function unseenOf(circuit: Circuit): Unseen[] {
  const wiring = new Wiring(circuit);
  const centred = centredWeights(circuit);
  return circuit.operations.flatMap((operation): Unseen[] => {
    const isMeanFree =
      operation.type === 'normalise' && operation.over === 'channels' && operation.centred;
    if (!isMeanFree && operation.type !== 'softmax') return [];
    const sum = isMeanFree ? 0 : 1;
    return (kernelsReading(operation.y, wiring) ?? []).flatMap((reader): Unseen[] => {
      const { kernel, biases } = reader;
      const [after, ...others] = wiring.readersOf(kernel.y);
      const absorber =
        after?.type === 'bias' &&
        others.length === 0 &&
        kernel.shifts &&
        wiring.isFree(after.vector)
          ? after.vector
          : null;
      const isConstant = sum !== 0 || biases.length > 0;
      if (isConstant && absorber === null) return [];
      const moved = isConstant ? absorber : null;
      const size = kernel.kernel.shape.reduce<number>((product, n) => product * (n as number), 1);
      const columns = size / (kernel.x as Wire).size;
      return [
        {
          kind: 'translation',
          group: 'translation',
          dimension: centred.has(kernel.kernel) ? columns - columns / kernel.y.size : columns,
          sides: [
            { variable: kernel.kernel.originalName, axes: [kernel.input], exponent: 0 },
            ...(moved === null ? [] : [{ variable: moved.originalName, axes: [0], exponent: 0 }]),
          ],
          reason:
            sum === 0
              ? 'its inputs have a sum of zero, so weights that are the same for all have no effect'
              : 'its inputs have a sum of one, so weights that are the same for all act as a bias',
          reader,
          sum,
          absorber: moved,
        },
      ];
    });
  });
}
