import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type Circuit, inOrder, sharedChannels, type Wire } from './circuit.ts';
import { FIXED, type Monomial, Scales, times } from './monomials.ts';

/** A weight that scales, with the factor of each index along the given axes. */
export interface ScaledSide {
  readonly weight: LayerVariable;
  readonly axes: readonly number[];
  readonly scales: readonly Monomial[];
}

/** A use of channels by an operation, which determines which of them may be mixed with each other. */
interface Use {
  readonly scales: readonly Monomial[];
  /** Only channels with the same label may be mixed; null if none may. */
  readonly labels: readonly number[] | null;
}

/** A property of a free scale, from which the reason of a symmetry is worded. */
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
 * Solves for all scalings of channels that leave the function unchanged: each operation adds equations between the
 * scales of its inputs, its output and its weights.
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
    a.forEach((each, i) => {
      scales.equate(each, b[i] as Monomial);
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
  /** Records how a weight scales. If it is used twice, both scales must be equal. */
  const scale = (
    weight: LayerVariable,
    axes: readonly number[],
    by: readonly Monomial[],
  ): readonly Monomial[] => {
    const key = `${weight.id}:${axes}`;
    const side = sides.get(key);
    if (side !== undefined) equate(side.scales, by);
    else sides.set(key, { weight, axes, scales: by });
    return side?.scales ?? by;
  };
  const trained = (weight: LayerVariable, by: readonly Monomial[]): void => {
    if (!mayMove.has(weight)) pin(by);
  };

  for (const operation of operations) {
    switch (operation.type) {
      case 'matmul': {
        if (operation.x !== null) {
          const x = read(operation.x);
          scale(
            operation.kernel,
            [operation.input],
            x.map((each) => times(FIXED, each, -1)),
          );
          together(x);
          trained(operation.kernel, x);
        }
        const scalesSoFar = sides.get(`${operation.kernel.id}:${operation.output}`)?.scales;
        const y =
          scalesSoFar ?? scale(operation.kernel, [operation.output], fresh(operation.y.size));
        together(y);
        trained(operation.kernel, y);
        wires.set(operation.y, y);
        break;
      }
      case 'bias': {
        const y = read(operation.x);
        scale(operation.vector, [0], y);
        trained(operation.vector, y);
        together(y);
        wires.set(operation.y, y);
        break;
      }
      case 'gain': {
        const x = operation.from.map((from) => read(operation.x)[from] as Monomial);
        const scalesSoFar = sides.get(`${operation.vector.id}:${operation.axes}`)?.scales;
        const y =
          scalesSoFar?.map((gains, i) => times(gains, x[i] as Monomial)) ?? fresh(operation.y.size);
        const gains = y.map((each, i) => times(each, x[i] as Monomial, -1));
        if (scalesSoFar === undefined) scale(operation.vector, operation.axes, gains);
        trained(operation.vector, gains);
        alone(x);
        // Outputs of a depthwise kernel that share an input may be mixed.
        if (operation.axes.length > 1) uses.push({ scales: y, labels: operation.from });
        else alone(y);
        if (operation.axes.length === 1) mark('gain', gains);
        wires.set(operation.y, y);
        break;
      }
      case 'map': {
        const x = read(operation.x);
        if (operation.how === 'homogeneous') {
          alone(x);
          mark('homogeneous', x);
        }
        wires.set(
          operation.y,
          operation.from.map((from) => x[from] as Monomial),
        );
        break;
      }
      case 'combine': {
        const [x, ...others] = operation.xs.map(read) as [
          readonly Monomial[],
          ...(readonly Monomial[])[],
        ];
        for (const other of others) equate(x, other);
        if (operation.how === 'homogeneous') alone(x);
        mark('residual', x);
        wires.set(operation.y, x);
        break;
      }
      case 'concatenate':
        wires.set(operation.y, operation.xs.flatMap(read));
        break;
      case 'product': {
        const xs = operation.xs.map(read);
        for (const x of xs) {
          alone(x);
          mark('product', x);
        }
        wires.set(
          operation.y,
          inOrder(operation.y.size).map((i) =>
            xs.reduce((product, x) => times(product, x[i] as Monomial), FIXED),
          ),
        );
        break;
      }
      case 'normalise': {
        const x = read(operation.x);
        alone(x);
        if (operation.over === 'channels')
          equate(
            x,
            x.map(() => x[0] as Monomial),
          );
        mark('normalised', x);
        if (operation.statistics !== null) {
          const { mean, variance } = operation.statistics;
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
        const [query, key] = [read(operation.query), read(operation.key)];
        const width = key.length / operation.keyHeads;
        const keyOf = sharedChannels(key.length, operation.heads, operation.keyHeads);
        keyOf.forEach((from, i) => {
          scales.equate(times(query[i] as Monomial, key[from] as Monomial), FIXED);
        });
        const { pairs } = operation;
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
        const x = read(operation.x);
        const width = x.length / operation.keyHeads;
        uses.push({ scales: x, labels: x.map((_, i) => Math.floor(i / width)) });
        mark('value', x);
        wires.set(
          operation.y,
          sharedChannels(x.length, operation.heads, operation.keyHeads).map(
            (from) => x[from] as Monomial,
          ),
        );
        break;
      }
      case 'fix':
      case 'softmax':
        pin(read(operation.x));
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
