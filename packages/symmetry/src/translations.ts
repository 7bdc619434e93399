import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { centredWeights } from './centrings.ts';
import { type Circuit, sharedChannels, type Wire } from './circuit.ts';
import { NO_SHIFT, plus, type Shift, Shifts } from './shifts.ts';
import type { Symmetry } from './symmetry.ts';

/** Elements of a vector to which anything can be added, because other vectors take it up or nothing sees it. */
export interface Translation extends Symmetry {
  /** The unknowns that may be chosen, all of one vector. */
  readonly free: readonly number[];
}

/** All ways to add constants to vectors (and to all rows of an embedding) that change no output. */
export interface Translations {
  readonly shifts: Shifts;
  readonly list: readonly Translation[];
}

/**
 * Solves for the constants: each operation says what becomes of those that it reads, and which it would show.
 *
 * A vector to which the same number can be added in all channels (see `centringsOf`) has that as a symmetry of
 * its own; here its first element stays.
 */
export function translationsOf(circuit: Circuit): Translations {
  const { operations, trained } = circuit;
  const shifts = new Shifts();
  const wires = new Map<Wire, readonly Shift[]>();
  const centred = centredWeights(circuit);
  const read = (wire: Wire): readonly Shift[] =>
    wires.get(wire) ?? new Array<Shift>(wire.size).fill(NO_SHIFT);
  const hold = (wire: Wire): void => {
    for (const shift of read(wire)) shifts.vanish(shift);
  };
  const source = (weight: LayerVariable, size: number): readonly Shift[] => {
    if (!trained.has(weight)) return new Array<Shift>(size).fill(NO_SHIFT);
    const elements = shifts.elementsOf(weight, size);
    if (centred.has(weight)) shifts.vanish(elements[0] as Shift);
    return elements;
  };
  const multiplied = new Set(
    operations.flatMap((at) => (at.type === 'matmul' && at.x !== null ? [at.kernel] : [])),
  );

  for (const at of operations) {
    switch (at.type) {
      case 'matmul':
        if (at.x === null) {
          if (!multiplied.has(at.kernel)) wires.set(at.y, source(at.kernel, at.y.size));
        } else if (at.shifts) wires.set(at.y, shifts.throughKernel(at, read(at.x)));
        else hold(at.x);
        break;
      case 'bias': {
        const own = source(at.vector, at.y.size);
        wires.set(
          at.y,
          read(at.x).map((shift, i) => plus(shift, own[i] as Shift)),
        );
        break;
      }
      case 'gain':
        if (at.shifts) wires.set(at.y, shifts.throughGain(at, read(at.x)));
        else hold(at.x);
        break;
      case 'map':
        if (at.shifts)
          wires.set(
            at.y,
            at.from.map((from) => read(at.x)[from] as Shift),
          );
        else hold(at.x);
        break;
      case 'combine': {
        const xs = at.xs.map(read) as [readonly Shift[], ...(readonly Shift[])[]];
        if (at.by === 'choice')
          xs[0].forEach((_, i) => {
            shifts.equate(xs.map((x) => x[i] as Shift));
          });
        const weight = at.by === 'sum' ? 1 : 1 / xs.length;
        wires.set(
          at.y,
          xs[0].map((_, i) => xs.reduce((sum, x) => plus(sum, x[i] as Shift, weight), NO_SHIFT)),
        );
        break;
      }
      case 'concatenate':
        wires.set(at.y, at.xs.flatMap(read));
        break;
      case 'product':
        for (const x of at.xs) hold(x);
        break;
      case 'normalise':
        if (!at.centred) hold(at.x);
        else if (at.over === 'channels') shifts.equate(read(at.x));
        else if (at.statistics !== null) {
          const mean = shifts.elementsOf(at.statistics.mean, at.x.size);
          read(at.x).forEach((shift, i) => {
            shifts.vanish(plus(mean[i] as Shift, shift, -1));
          });
        }
        break;
      case 'score':
        hold(at.query);
        // A constant added to all keys adds the same number to all scores of a query.
        if (at.pairs !== null) hold(at.key);
        break;
      case 'mix': {
        const x = read(at.x);
        wires.set(
          at.y,
          sharedChannels(x.length, at.heads, at.keyHeads).map((from) => x[from] as Shift),
        );
        break;
      }
      case 'softmax':
        shifts.equate(read(at.x));
        break;
      case 'fix':
        if (at.centred) shifts.equate(read(at.x));
        else hold(at.x);
        break;
      case 'factor':
        break;
    }
  }
  return { shifts, list: grouped(shifts) };
}

/** The free unknowns, those of one vector that move the same other vectors together. */
function grouped(shifts: Shifts): Translation[] {
  const followers = new Map<number, Set<LayerVariable>>();
  const behindWeights = new Map<ReadonlySet<number>, Set<LayerVariable>>();
  const follow = (at: number, weight: LayerVariable): void => {
    for (const each of shifts.resolve(new Map([[at, 1]])).keys()) {
      const unknown = shifts.unknown(each);
      const [key, all] = 'weight' in unknown ? [each, followers] : [unknown.origins, behindWeights];
      const known = (all as Map<typeof key, Set<LayerVariable>>).get(key) ?? new Set();
      if (known.has(weight)) continue;
      (all as Map<typeof key, Set<LayerVariable>>).set(key, known.add(weight));
      if ('origins' in unknown) for (const origin of unknown.origins) follow(origin, weight);
    }
  };
  for (const [weight, elements] of shifts.weights())
    for (const element of elements) for (const at of element.keys()) follow(at, weight);

  const groups = new Map<string, { free: number[]; weights: LayerVariable[] }>();
  for (const [weight, elements] of shifts.weights()) {
    for (const element of elements) {
      const [at] = element.keys() as IterableIterator<number>;
      if (!shifts.resolve(element).has(at as number)) continue;
      const others = [...(followers.get(at as number) ?? [])].filter((each) => each !== weight);
      const key = [weight.id, ...others.map(({ id }) => id)].join(' ');
      const group = groups.get(key) ?? { free: [], weights: [weight, ...others] };
      group.free.push(at as number);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ free, weights }): Translation => {
    const names = weights.map(({ originalName }) => originalName);
    return {
      kind: 'translation',
      group: 'translation',
      dimension: free.length,
      sides: weights.map((weight, at) => ({
        variable: names[at] as string,
        axes: [weight.shape.length - 1],
        exponent: 0,
      })),
      reason:
        names.length === 1
          ? 'softmax or a mean takes away what is added to it'
          : `a constant added to it is taken up by ${names.slice(1).join(', ')}`,
      free,
    };
  });
}
