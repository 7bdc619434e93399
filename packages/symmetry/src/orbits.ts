import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Circuit } from './circuit.ts';
import { mixingDimension, Vectors } from './dimensions.ts';
import { type Solution, solve, type Trait } from './solve.ts';
import { type Orbit, publicSide, type Slices } from './symmetry.ts';

/** The positions along axes of a weight where one free scale appears, with side and exponent. */
interface Place {
  readonly side: number;
  readonly exponent: number;
  readonly positions: number[];
}

/** The places of each free scale, in order of the sides. */
function placesOf({ sides }: Solution): Map<number, Map<string, Place>> {
  const places = new Map<number, Map<string, Place>>();
  sides.forEach(({ scales }, side) => {
    scales.forEach((monomial, position) => {
      for (const [unknown, exponent] of monomial) {
        if (!places.has(unknown)) places.set(unknown, new Map());
        const placesOfUnknown = places.get(unknown) as Map<string, Place>;
        const key = `${side}^${exponent}`;
        if (!placesOfUnknown.has(key)) placesOfUnknown.set(key, { side, exponent, positions: [] });
        placesOfUnknown.get(key)?.positions.push(position);
      }
    });
  });
  return places;
}

/** Labels of each free scale, which scales that may be mixed have in common; null if it must stay separate. */
function labelsOf({ uses }: Solution): Map<number, string[] | null> {
  const labels = new Map<number, string[] | null>();
  uses.forEach((use, i) => {
    use.scales.forEach((monomial, position) => {
      const [only] = monomial;
      const mixes = use.labels !== null && monomial.size === 1 && Math.abs(only?.[1] ?? 0) === 1;
      for (const unknown of monomial.keys()) {
        const current = labels.get(unknown);
        if (!mixes || current === null) {
          labels.set(unknown, null);
          continue;
        }
        const label = `${i}:${use.labels?.[position]}`;
        if (current === undefined) labels.set(unknown, [label]);
        else if (!current.includes(label)) current.push(label);
      }
    });
  });
  return labels;
}

function reasonOf(traits: ReadonlySet<Trait>, block: number): string {
  const has = (trait: Trait): boolean => traits.has(trait);
  if (has('normalised'))
    return has('residual')
      ? 'all that writes a residual stream which is read only after normalisation'
      : 'read only after normalisation';
  if (has('rotary')) return 'query against key, per rotary pair';
  if (has('score')) return 'query against key, per head';
  if (has('value'))
    return block > 1 ? 'value against output, per head' : 'value against output, per channel';
  if (has('product')) return 'product against what reads it';
  if (has('gain')) return 'gain against what its channels are read or written by';
  if (has('homogeneous')) return 'row against column across a homogeneous function';
  return 'row against column across linear functions';
}

/** The number of directions of invertible matrices that mix a block, minus those that move no weight. */
function blockDimension(
  size: number,
  scale: number,
  slices: readonly Slices[],
  vectors: Vectors,
): number {
  let [rows, columns] = [0, 0];
  for (const { weight, axes, index, exponent } of slices) {
    const copies = index.filter((each) => each === scale).length;
    const count = copies * vectors.count(weight, axes);
    if (exponent > 0) rows += count;
    else columns += count;
  }
  return mixingDimension(size, rows, columns);
}

/** The symmetries between weights of different channels and layers. */
function wireOrbits(circuit: Circuit): Orbit[] {
  const solution = solve(circuit);
  const places = placesOf(solution);
  const labels = labelsOf(solution);
  const blocks = new Map<string, number[]>();
  for (const unknown of places.keys()) {
    const label = labels.get(unknown) ?? null;
    const key = label === null ? `${unknown}` : label.join(' ');
    const block = blocks.get(key);
    if (block === undefined) blocks.set(key, [unknown]);
    else block.push(unknown);
  }
  const rows = new Map<string, { of: number[]; size: number; complex: boolean }>();
  for (const block of blocks.values()) {
    const [one] = block as [number];
    const complex =
      block.length === 1 &&
      labels.get(one) !== null &&
      (solution.traits.get(one)?.has('rotary') ?? false);
    const traits = [...(solution.traits.get(one) ?? [])].sort();
    const key = [block.length, complex, ...traits, ...(places.get(one)?.keys() ?? [])].join(' ');
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { of: [...block], size: block.length, complex });
    else row.of.push(...block);
  }
  let vectors: Vectors | null = null;
  const dimensionOf = (of: readonly number[], size: number, slices: readonly Slices[]): number => {
    vectors ??= new Vectors(circuit);
    let sum = 0;
    for (let scale = 0; scale < of.length; scale += size)
      sum += blockDimension(size, scale, slices, vectors);
    return sum;
  };
  return [...rows.values()].map(({ of, size, complex }): Orbit => {
    const number = new Map(of.map((unknown, i) => [unknown, i]));
    const slices = [...(places.get(of[0] as number)?.values() ?? [])].map(
      ({ side, exponent }): Slices => {
        const { weight, axes, scales } = solution.sides[side] as Solution['sides'][number];
        const index = Int32Array.from(scales, (monomial) => {
          for (const [unknown, power] of monomial) {
            const i = number.get(unknown);
            if (i !== undefined && power === exponent) return i;
          }
          return -1;
        });
        return { weight, axes, exponent, index };
      },
    );
    const traits = solution.traits.get(of[0] as number) ?? new Set<Trait>();
    return {
      kind: traits.has('normalised') ? 'normalisation' : 'multiplicative',
      group: size > 1 ? 'general-linear' : complex ? 'complex-scaling' : 'scaling',
      dimension: size > 1 ? dimensionOf(of, size, slices) : of.length * (complex ? 2 : 1),
      sides: slices.map(publicSide),
      reason: reasonOf(traits, size),
      scales: of.length,
      block: size,
      slices,
    };
  });
}

const sizeOf = (weight: LayerVariable, axes: readonly number[]): number =>
  axes.reduce((size, axis) => size * (weight.shape[axis] as number), 1);

/** The symmetries between each factor and the kernel that it multiplies. */
function factorOrbits({ operations, trained }: Circuit): Orbit[] {
  return operations.flatMap((operation): Orbit[] => {
    if (
      operation.type !== 'factor' ||
      !trained.has(operation.factor) ||
      !trained.has(operation.kernel)
    )
      return [];
    const scales = sizeOf(operation.kernel, operation.axes);
    const index = Int32Array.from({ length: scales }, (_, i) => i);
    const slices: Slices[] = [
      {
        weight: operation.factor,
        axes: operation.factor.shape.map((_, axis) => axis),
        exponent: 1,
        index,
      },
      { weight: operation.kernel, axes: operation.axes, exponent: -1, index },
    ];
    return [
      {
        kind: 'multiplicative',
        group: 'scaling',
        dimension: scales,
        sides: slices.map(publicSide),
        reason: `${operation.which} multiplier against the kernel itself`,
        scales,
        block: 1,
        slices,
      },
    ];
  });
}

/** All multiplicative and normalisation symmetries of a circuit. */
export function orbitsOf(circuit: Circuit): Orbit[] {
  return [...wireOrbits(circuit), ...factorOrbits(circuit)];
}
