import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type Circuit, inOrder, sharedChannels, type Wire } from './circuit.ts';
import { FIXED, type Monomial, Scales, times } from './monomials.ts';

/** A weight that scales, and by what each index of these axes of it is multiplied. */
export interface ScaledSide {
  readonly weight: LayerVariable;
  readonly axes: readonly number[];
  readonly scales: readonly Monomial[];
}

/** What an operation does to channels beside scaling: it tells which of them may be mixed with each other. */
interface Use {
  readonly scales: readonly Monomial[];
  /** Channels may be mixed with those of the same label; null: with none. */
  readonly labels: readonly number[] | null;
}

/** Why a scale is free, for the reason of a symmetry. */
export type Trait =
  | 'normalised'
  | 'score'
  | 'rotary'
  | 'value'
  | 'product'
  | 'homogeneous'
  | 'gain'
  | 'residual';

/** The free scales of a model. */
export interface Solution {
  readonly sides: readonly ScaledSide[];
  readonly uses: readonly Use[];
  /** The unknowns that have a trait. */
  readonly traits: ReadonlyMap<number, ReadonlySet<Trait>>;
}

/**
 * Solves for all ways to scale channels that leave the function unchanged: each operation demands equations
 * between the scales of what it reads, of what it writes, and of its weights.
 */
export function solve({ operations, trained: mayMove }: Circuit): Solution {
  const scales = new Scales();
  const wires = new Map<Wire, readonly Monomial[]>();
  const sides = new Map<string, ScaledSide>();
  const uses: Use[] = [];
  const marks: { readonly of: readonly Monomial[]; readonly trait: Trait }[] = [];

  const read = (wire: Wire): readonly Monomial[] =>
    wires.get(wire) ?? new Array<Monomial>(wire.size).fill(FIXED);
  const fresh = (size: number): Monomial[] => Array.from({ length: size }, () => scales.fresh());
  const equate = (a: readonly Monomial[], b: readonly Monomial[]): void =>
    a.forEach((each, at) => {
      scales.equate(each, b[at] as Monomial);
    });
  const pin = (some: readonly Monomial[]): void => {
    for (const each of some) scales.equate(each, FIXED);
  };
  const alone = (of: readonly Monomial[]): void => {
    uses.push({ scales: of, labels: null });
  };
  const together = (of: readonly Monomial[]): void => {
    uses.push({ scales: of, labels: new Array<number>(of.length).fill(0) });
  };
  const mark = (trait: Trait, of: readonly Monomial[]): void => {
    marks.push({ of, trait });
  };
  /** Demands that a weight scales like this; what is used twice, or frozen, must do so each time, or never. */
  const scale = (
    weight: LayerVariable,
    axes: readonly number[],
    by: readonly Monomial[],
  ): readonly Monomial[] => {
    const key = `${weight.id}:${axes}`;
    const known = sides.get(key);
    if (known !== undefined) equate(known.scales, by);
    else sides.set(key, { weight, axes, scales: by });
    return known?.scales ?? by;
  };
  const trained = (weight: LayerVariable, by: readonly Monomial[]): void => {
    if (!mayMove.has(weight)) pin(by);
  };

  for (const at of operations) {
    switch (at.type) {
      case 'matmul': {
        if (at.x !== null) {
          const x = read(at.x);
          scale(
            at.kernel,
            [at.input],
            x.map((each) => times(FIXED, each, -1)),
          );
          together(x);
          trained(at.kernel, x);
        }
        const known = sides.get(`${at.kernel.id}:${at.output}`)?.scales;
        const y = known ?? scale(at.kernel, [at.output], fresh(at.y.size));
        together(y);
        trained(at.kernel, y);
        wires.set(at.y, y);
        break;
      }
      case 'bias': {
        const y = read(at.x);
        scale(at.vector, [0], y);
        trained(at.vector, y);
        together(y);
        wires.set(at.y, y);
        break;
      }
      case 'gain': {
        const x = at.from.map((from) => read(at.x)[from] as Monomial);
        const known = sides.get(`${at.vector.id}:${at.axes}`)?.scales;
        const y = known?.map((own, i) => times(own, x[i] as Monomial)) ?? fresh(at.y.size);
        const own = y.map((each, i) => times(each, x[i] as Monomial, -1));
        if (known === undefined) scale(at.vector, at.axes, own);
        trained(at.vector, own);
        alone(x);
        // Outputs of a depthwise kernel that share an input may be mixed.
        if (at.axes.length > 1) uses.push({ scales: y, labels: at.from });
        else alone(y);
        if (at.axes.length === 1) mark('gain', own);
        wires.set(at.y, y);
        break;
      }
      case 'map': {
        const x = read(at.x);
        if (at.how === 'homogeneous') {
          alone(x);
          mark('homogeneous', x);
        }
        wires.set(
          at.y,
          at.from.map((from) => x[from] as Monomial),
        );
        break;
      }
      case 'combine': {
        const [x, ...others] = at.xs.map(read) as [readonly Monomial[], ...(readonly Monomial[])[]];
        for (const other of others) equate(x, other);
        if (at.how === 'homogeneous') alone(x);
        mark('residual', x);
        wires.set(at.y, x);
        break;
      }
      case 'concatenate':
        wires.set(at.y, at.xs.flatMap(read));
        break;
      case 'product': {
        const xs = at.xs.map(read);
        for (const x of xs) {
          alone(x);
          mark('product', x);
        }
        wires.set(
          at.y,
          inOrder(at.y.size).map((i) =>
            xs.reduce((product, x) => times(product, x[i] as Monomial), FIXED),
          ),
        );
        break;
      }
      case 'normalise': {
        const x = read(at.x);
        alone(x);
        if (at.over === 'channels')
          equate(
            x,
            x.map(() => x[0] as Monomial),
          );
        mark('normalised', x);
        if (at.statistics !== null) {
          const { mean, variance } = at.statistics;
          scale(mean, [0], x);
          scale(
            variance,
            [0],
            x.map((each) => times(FIXED, new Map([...each].map(([u, e]) => [u, 2 * e])))),
          );
        }
        break;
      }
      case 'score': {
        const [query, key] = [read(at.query), read(at.key)];
        const width = key.length / at.keyHeads;
        const keyOf = sharedChannels(key.length, at.heads, at.keyHeads);
        keyOf.forEach((from, i) => {
          scales.equate(times(query[i] as Monomial, key[from] as Monomial), FIXED);
        });
        const { pairs } = at;
        const labels = key.map((_, i) => {
          const head = Math.floor(i / width) * width;
          return pairs === null ? head : head + Math.min(i % width, pairs[i % width] as number);
        });
        if (pairs !== null)
          equate(
            key,
            labels.map((label) => key[label] as Monomial),
          );
        uses.push({ scales: key, labels });
        mark(pairs === null ? 'score' : 'rotary', key);
        break;
      }
      case 'mix': {
        const x = read(at.x);
        const width = x.length / at.keyHeads;
        uses.push({ scales: x, labels: x.map((_, i) => Math.floor(i / width)) });
        mark('value', x);
        wires.set(
          at.y,
          sharedChannels(x.length, at.heads, at.keyHeads).map((from) => x[from] as Monomial),
        );
        break;
      }
      case 'fix':
      case 'softmax':
        pin(read(at.x));
        break;
      case 'factor':
        break;
    }
  }
  const resolve = (of: readonly Monomial[]): Monomial[] => of.map((each) => scales.resolve(each));
  const traits = new Map<number, Set<Trait>>();
  for (const { of, trait } of marks) {
    for (const unknown of resolve(of).flatMap((each) => [...each.keys()])) {
      if (!traits.has(unknown)) traits.set(unknown, new Set());
      traits.get(unknown)?.add(trait);
    }
  }
  return {
    sides: [...sides.values()].map((side) => ({ ...side, scales: resolve(side.scales) })),
    uses: uses.map((each) => ({ ...each, scales: resolve(each.scales) })),
    traits,
  };
}
