import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { inputsOf, type Operation, type Wire } from './circuit.ts';
import type { Symmetry } from './symmetry.ts';

/** A vector that takes up what is added to another one, and the linear operations in between, in order. */
export interface Absorber {
  readonly vector: LayerVariable;
  /** 1 where it moves along (the mean that is subtracted later), −1 where it makes up for it. */
  readonly sign: 1 | -1;
  readonly through: readonly Operation[];
}

/** A bias to which a constant can be added, because others take it up again or softmax does not see it. */
export interface Translation extends Symmetry {
  readonly vector: LayerVariable;
  readonly absorbers: readonly Absorber[];
}

/** A weight to whose outputs the same number can be added, since all that reads them subtracts it again. */
export interface Centring extends Symmetry {
  readonly weight: LayerVariable;
  readonly axis: number;
}

/**
 * The biases that can be shifted. Each shift is taken up by vectors that come later, so that no two of the
 * translations found say the same.
 */
export function translationsOf(operations: readonly Operation[]): Translation[] {
  const readers = new Map<Wire, Operation[]>();
  const writers = new Map<Wire, number>();
  const uses = new Map<LayerVariable, number>();
  operations.forEach((at, number) => {
    for (const wire of inputsOf(at)) readers.set(wire, [...(readers.get(wire) ?? []), at]);
    if ('y' in at) writers.set(at.y, number);
    const weight = at.type === 'bias' ? at.vector : at.type === 'matmul' ? at.kernel : null;
    if (weight !== null) uses.set(weight, (uses.get(weight) ?? 0) + 1);
  });
  const once = (weight: LayerVariable): boolean => uses.get(weight) === 1;

  /** What takes up a shift of a wire that began at the given operation; null where something does not. */
  function absorb(wire: Wire, began: number): Absorber[] | null {
    const found: Absorber[] = [];
    for (const at of readers.get(wire) ?? []) {
      const each = absorbAt(at, wire, began);
      if (each === null) return null;
      found.push(...each);
    }
    return found;
  }

  function absorbAt(at: Operation, wire: Wire, began: number): Absorber[] | null {
    const pass = (y: Wire): Absorber[] | null =>
      absorb(y, began)?.map((each) => ({ ...each, through: [at, ...each.through] })) ?? null;
    switch (at.type) {
      case 'bias':
        return at.vector.trainable && once(at.vector)
          ? [{ vector: at.vector, sign: -1, through: [] }]
          : pass(at.y);
      case 'matmul':
        return at.shifts && once(at.kernel) ? pass(at.y) : null;
      case 'gain':
        return pass(at.y);
      case 'map':
        return at.shifts ? pass(at.y) : null;
      case 'mix':
        return pass(at.y);
      case 'add': {
        if (!at.shifts || at.how !== 'linear') return null;
        if (at.xs.filter((x) => x === wire).length > 1) return null;
        for (const x of at.xs) {
          const number = writers.get(x) ?? -1;
          const other = operations[number];
          if (x === wire || number <= began || other?.type !== 'bias') continue;
          const alone =
            readers.get(x)?.length === 1 && once(other.vector) && other.vector.trainable;
          if (alone) return [{ vector: other.vector, sign: -1, through: [] }];
        }
        return pass(at.y);
      }
      case 'normalise':
        return at.over === 'batch' && at.statistics !== null
          ? [{ vector: at.statistics.mean, sign: 1, through: [] }]
          : null;
      case 'score':
        return wire === at.key && wire !== at.query && at.pairs === null ? [] : null;
      default:
        return null;
    }
  }

  return operations.flatMap((at, number): Translation[] => {
    if (at.type !== 'bias' || !at.vector.trainable || !once(at.vector)) return [];
    const absorbers = absorb(at.y, number);
    if (absorbers === null || absorbers.some(({ vector }) => vector === at.vector)) return [];
    const names = absorbers.map(({ vector }) => vector.originalName);
    return [
      {
        kind: 'translation',
        group: 'translation',
        dimension: at.vector.shape[0] as number,
        sides: [at.vector, ...absorbers.map(({ vector }) => vector)].map((vector) => ({
          variable: vector.originalName,
          axes: [0],
          exponent: 0,
        })),
        reason:
          names.length === 0
            ? 'softmax does not see what is added to all keys'
            : `a constant added to it is taken up by ${names.join(', ')}`,
        vector: at.vector,
        absorbers,
      },
    ];
  });
}

/**
 * The weights that write only into what is read centred: by layer normalisation, which subtracts the mean, or by
 * softmax.
 */
export function centringsOf(operations: readonly Operation[]): Centring[] {
  const readers = new Map<Wire, Operation[]>();
  for (const at of operations)
    for (const wire of inputsOf(at)) readers.set(wire, [...(readers.get(wire) ?? []), at]);
  const isCentred = (wire: Wire): boolean =>
    (readers.get(wire) ?? []).every((at) => {
      if (at.type === 'normalise' || at.type === 'fix') return at.centred;
      const passes = at.type === 'bias' || (at.type === 'add' && at.how === 'linear');
      return passes && isCentred(at.y);
    });
  const found = new Map<LayerVariable, number | null>();
  for (const at of operations) {
    if (at.type !== 'matmul' && at.type !== 'bias') continue;
    const [weight, axis] = at.type === 'matmul' ? [at.kernel, at.output] : [at.vector, 0];
    const free = weight.trainable && found.get(weight) !== null && isCentred(at.y);
    found.set(weight, free ? axis : null);
  }
  return [...found].flatMap(([weight, axis]): Centring[] =>
    axis === null
      ? []
      : [
          {
            kind: 'translation',
            group: 'translation',
            dimension: weight.shape.reduce<number>(
              (size, n, at) => (at === axis ? size : size * (n as number)),
              1,
            ),
            sides: [{ variable: weight.originalName, axes: [axis], exponent: 0 }],
            reason:
              'the same number added to all channels is subtracted again, by a mean or by softmax',
            weight,
            axis,
          },
        ],
  );
}
