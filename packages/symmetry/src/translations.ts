import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { centredWeights } from './centrings.ts';
import { type Circuit, sharedChannels, type Wire } from './circuit.ts';
import { NO_SHIFT, plus, type Shift, Shifts } from './shifts.ts';
import type { Symmetry } from './symmetry.ts';

/** Elements of a vector to which anything can be added, because other vectors compensate it or it has no effect. */
export interface Translation extends Symmetry {
  /** The free unknowns, all of one vector. */
  readonly free: readonly number[];
}

/** All ways to add constants to vectors (and to all rows of an embedding) that change no output. */
export interface Translations {
  readonly shifts: Shifts;
  readonly list: readonly Translation[];
}

/**
 * Solves for the constants: each operation determines how those added to its inputs pass through, and which must be zero
 * because they would change an output.
 *
 * A vector to which one number can be added in all channels (see `centringsOf`) has that as a separate symmetry; here
 * its first element stays fixed.
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
    operations.flatMap((operation) =>
      operation.type === 'matmul' && operation.x !== null ? [operation.kernel] : [],
    ),
  );

  for (const operation of operations) {
    switch (operation.type) {
      case 'matmul':
        if (operation.x === null) {
          if (!multiplied.has(operation.kernel))
            wires.set(operation.y, source(operation.kernel, operation.y.size));
        } else if (operation.shifts)
          wires.set(operation.y, shifts.throughKernel(operation, read(operation.x)));
        else hold(operation.x);
        break;
      case 'bias': {
        const added = source(operation.vector, operation.y.size);
        wires.set(
          operation.y,
          read(operation.x).map((shift, i) => plus(shift, added[i] as Shift)),
        );
        break;
      }
      case 'gain':
        if (operation.shifts)
          wires.set(operation.y, shifts.throughGain(operation, read(operation.x)));
        else hold(operation.x);
        break;
      case 'map':
        if (operation.shifts)
          wires.set(
            operation.y,
            operation.from.map((from) => read(operation.x)[from] as Shift),
          );
        else hold(operation.x);
        break;
      case 'combine': {
        const xs = operation.xs.map(read) as [readonly Shift[], ...(readonly Shift[])[]];
        if (operation.by === 'choice')
          xs[0].forEach((_, i) => {
            shifts.equate(xs.map((x) => x[i] as Shift));
          });
        const weight = operation.by === 'sum' ? 1 : 1 / xs.length;
        wires.set(
          operation.y,
          xs[0].map((_, i) => xs.reduce((sum, x) => plus(sum, x[i] as Shift, weight), NO_SHIFT)),
        );
        break;
      }
      case 'concatenate':
        wires.set(operation.y, operation.xs.flatMap(read));
        break;
      case 'product':
        for (const x of operation.xs) hold(x);
        break;
      case 'normalise':
        if (!operation.centred) hold(operation.x);
        else if (operation.over === 'channels') shifts.equate(read(operation.x));
        else if (operation.statistics !== null) {
          const mean = shifts.elementsOf(operation.statistics.mean, operation.x.size);
          read(operation.x).forEach((shift, i) => {
            shifts.vanish(plus(mean[i] as Shift, shift, -1));
          });
        }
        break;
      case 'score':
        hold(operation.query);
        // A constant added to all keys adds the same number to all scores of a query.
        if (operation.pairs !== null) hold(operation.key);
        break;
      case 'mix': {
        const x = read(operation.x);
        wires.set(
          operation.y,
          sharedChannels(x.length, operation.heads, operation.keyHeads).map(
            (from) => x[from] as Shift,
          ),
        );
        break;
      }
      case 'softmax':
        shifts.equate(read(operation.x));
        break;
      case 'fix':
        if (operation.centred) shifts.equate(read(operation.x));
        else hold(operation.x);
        break;
      case 'factor':
        break;
    }
  }
  return { shifts, list: grouped(shifts) };
}

/** The free unknowns, grouped by their vector and by the other vectors that must move with them. */
function grouped(shifts: Shifts): Translation[] {
  const followers = new Map<number, Set<LayerVariable>>();
  const behindWeights = new Map<ReadonlySet<number>, Set<LayerVariable>>();
  const follow = (at: number, weight: LayerVariable): void => {
    for (const each of shifts.resolve(new Map([[at, 1]])).keys()) {
      const unknown = shifts.unknown(each);
      const [key, all] = 'weight' in unknown ? [each, followers] : [unknown.origins, behindWeights];
      const weights = (all as Map<typeof key, Set<LayerVariable>>).get(key) ?? new Set();
      if (weights.has(weight)) continue;
      (all as Map<typeof key, Set<LayerVariable>>).set(key, weights.add(weight));
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
      sides: weights.map((weight, i) => ({
        variable: names[i] as string,
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
