import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type Circuit, type Operation, type Wire, Wiring } from './circuit.ts';
import type { Symmetry } from './symmetry.ts';

/** A weight to whose outputs one number can be added, because everything that reads them subtracts it again. */
export interface Centring extends Symmetry {
  readonly weight: LayerVariable;
  readonly axis: number;
}

/**
 * The weights whose outputs are read only centred, by layer normalisation, which subtracts the mean, or by softmax; each
 * with its axis of outputs.
 */
export function centredWeights(circuit: Circuit): ReadonlyMap<LayerVariable, number> {
  const wiring = new Wiring(circuit);
  // The number may differ between positions, so only operations that are linear in positions pass it on.
  const answers = new Map<Wire, boolean>();
  const isCentred = (wire: Wire): boolean => {
    const answer = answers.get(wire) ?? wiring.readersOf(wire).every(passes);
    answers.set(wire, answer);
    return answer;
  };
  const passes = (operation: Operation): boolean => {
    switch (operation.type) {
      case 'normalise':
        return operation.over === 'channels' && operation.centred;
      case 'softmax':
        return true;
      case 'fix':
        return operation.centred;
      case 'bias':
        return isCentred(operation.y);
      case 'combine':
        return operation.how === 'linear' && isCentred(operation.y);
      case 'map':
        return (
          operation.how === 'linear' &&
          operation.y.size === operation.x.size &&
          operation.from.every((from, i) => from === i) &&
          isCentred(operation.y)
        );
      default:
        return false;
    }
  };
  const axes = new Map<LayerVariable, number | null>();
  for (const operation of circuit.operations) {
    if (operation.type !== 'matmul' && operation.type !== 'bias') continue;
    const [weight, axis] =
      operation.type === 'matmul' ? [operation.kernel, operation.output] : [operation.vector, 0];
    const isEachCentred =
      circuit.trained.has(weight) && axes.get(weight) !== null && isCentred(operation.y);
    axes.set(weight, isEachCentred ? axis : null);
  }
  return new Map([...axes].filter((each): each is [LayerVariable, number] => each[1] !== null));
}

/** The directions, for each of these weights, that add the same to all of its outputs. */
export function centringsOf(circuit: Circuit): Centring[] {
  return [...centredWeights(circuit)].map(([weight, axis]): Centring => {
    const others = weight.shape.filter((_, i) => i !== axis) as number[];
    return {
      kind: 'translation',
      group: 'translation',
      dimension: others.reduce((size, n) => size * n, 1),
      sides: [{ variable: weight.originalName, axes: [axis], exponent: 0 }],
      reason: 'the same number added to all channels is subtracted again, by a mean or by softmax',
      weight,
      axis,
    };
  });
}
