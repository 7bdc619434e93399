import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type Circuit, type Operation, type Wire, Wiring } from './circuit.ts';
import type { Symmetry } from './symmetry.ts';

/** A weight to whose outputs the same number can be added, since all that reads them subtracts it again. */
export interface Centring extends Symmetry {
  readonly weight: LayerVariable;
  readonly axis: number;
}

/**
 * The weights that write only into what is read centred, by layer normalisation, which subtracts the mean, or by
 * softmax; and the axis of each that stands for its outputs.
 */
export function centredWeights(circuit: Circuit): ReadonlyMap<LayerVariable, number> {
  const wiring = new Wiring(circuit);
  // What is added may differ from position to position, so only what treats positions linearly passes it on.
  const known = new Map<Wire, boolean>();
  const isCentred = (wire: Wire): boolean => {
    const answer = known.get(wire) ?? wiring.readersOf(wire).every(passes);
    known.set(wire, answer);
    return answer;
  };
  const passes = (at: Operation): boolean => {
    switch (at.type) {
      case 'normalise':
        return at.over === 'channels' && at.centred;
      case 'softmax':
        return true;
      case 'fix':
        return at.centred;
      case 'bias':
        return isCentred(at.y);
      case 'combine':
        return at.how === 'linear' && isCentred(at.y);
      case 'map':
        return (
          at.how === 'linear' &&
          at.y.size === at.x.size &&
          at.from.every((from, i) => from === i) &&
          isCentred(at.y)
        );
      default:
        return false;
    }
  };
  const axes = new Map<LayerVariable, number | null>();
  for (const at of circuit.operations) {
    if (at.type !== 'matmul' && at.type !== 'bias') continue;
    const [weight, axis] = at.type === 'matmul' ? [at.kernel, at.output] : [at.vector, 0];
    const isEachCentred =
      circuit.trained.has(weight) && axes.get(weight) !== null && isCentred(at.y);
    axes.set(weight, isEachCentred ? axis : null);
  }
  return new Map([...axes].filter((each): each is [LayerVariable, number] => each[1] !== null));
}

/** For each of these weights the directions in which the same is added for all of its outputs. */
export function centringsOf(circuit: Circuit): Centring[] {
  return [...centredWeights(circuit)].map(([weight, axis]): Centring => {
    const others = weight.shape.filter((_, at) => at !== axis) as number[];
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
