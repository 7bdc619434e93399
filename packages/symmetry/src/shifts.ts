import type { LayerVariable } from '@tensorflow/tfjs-layers';
import type { Operation } from './circuit.ts';

/** A number added to a channel: a sum of unknowns with coefficients. The empty sum is zero. */
export type Shift = ReadonlyMap<number, number>;

/** The shift of a channel that nothing moves. */
export const NO_SHIFT: Shift = new Map();

/** What an unknown stands for. */
export type Unknown =
  /** A number added to one element of a vector, or to one column of a table. */
  | { readonly weight: LayerVariable; readonly index: number }
  /**
   * The shift of a channel that a kernel or a gain writes. It depends on the values of the weight, so all that is
   * known is whether it is zero.
   */
  | {
      readonly at: Extract<Operation, { type: 'matmul' | 'gain' }>;
      readonly channel: number;
      readonly inputs: readonly Shift[];
      /** The elements of vectors in the inputs; one set for all channels of a kernel. */
      readonly origins: ReadonlySet<number>;
    };

/** a + factor · b */
export function plus(a: Shift, b: Shift, factor = 1): Shift {
  if (b.size === 0) return a;
  const sum = new Map(a);
  for (const [unknown, coefficient] of b) {
    const value = (sum.get(unknown) ?? 0) + factor * coefficient;
    // Means over several inputs have rounding errors.
    if (Math.abs(value) < 1e-9) sum.delete(unknown);
    else sum.set(unknown, value);
  }
  return sum;
}

/**
 * Solves linear equations between unknown shifts by elimination as they are added. An equation is solved for an element
 * of a vector that appears in it directly; if unknowns appear only behind weights, the weights are assumed to allow no
 * solution but zero. The remaining unknowns are free.
 */
export class Shifts {
  readonly #unknowns: Unknown[] = [];
  readonly #elements = new Map<LayerVariable, readonly Shift[]>();
  readonly #solved = new Map<number, Shift>();
  readonly #gone = new WeakSet<ReadonlySet<number>>();

  unknown(at: number): Unknown {
    return this.#unknowns[at] as Unknown;
  }

  /** One unknown for each element of a vector, always the same ones. */
  elementsOf(weight: LayerVariable, size: number): readonly Shift[] {
    const existing = this.#elements.get(weight);
    if (existing !== undefined) return existing;
    const elements = Array.from({ length: size }, (_, index) => this.#fresh({ weight, index }));
    this.#elements.set(weight, elements);
    return elements;
  }

  /** The vectors that have unknowns. */
  weights(): IterableIterator<[LayerVariable, readonly Shift[]]> {
    return this.#elements.entries();
  }

  /** The shifts of the channels that a kernel writes. */
  throughKernel(at: Extract<Operation, { type: 'matmul' }>, x: readonly Shift[]): readonly Shift[] {
    const inputs = x.map((each) => this.resolve(each));
    const origins = this.#originsOf(inputs);
    return Array.from({ length: at.y.size }, (_, channel) =>
      origins.size === 0 ? NO_SHIFT : this.#fresh({ at, channel, inputs, origins }),
    );
  }

  /** The shifts of the channels that a gain writes. */
  throughGain(at: Extract<Operation, { type: 'gain' }>, x: readonly Shift[]): readonly Shift[] {
    return at.from.map((from, channel) => {
      const input = this.resolve(x[from] as Shift);
      const origins = this.#originsOf([input]);
      return origins.size === 0 ? NO_SHIFT : this.#fresh({ at, channel, inputs: [input], origins });
    });
  }

  /** The shift in terms of free unknowns only. */
  resolve(shift: Shift): Shift {
    let resolved = shift;
    for (const [at, coefficient] of shift) {
      const unknown = this.unknown(at);
      const isGone = 'origins' in unknown && this.#isGone(unknown.origins);
      const solution = isGone ? NO_SHIFT : this.#solved.get(at);
      if (solution === undefined) continue;
      const settled = this.resolve(solution);
      if (settled !== solution) this.#solved.set(at, settled);
      resolved = plus(plus(resolved, new Map([[at, 1]]), -coefficient), settled, coefficient);
    }
    return resolved;
  }

  /** Adds the equation that a shift is zero. */
  vanish(shift: Shift): void {
    const equation = this.resolve(shift);
    if (equation.size === 0) return;
    const all = [...equation.keys()];
    const elements = all.filter((at) => 'weight' in this.unknown(at)).sort((a, b) => b - a);
    const derived = all.filter((at) => !elements.includes(at));
    const newest = Math.max(-1, ...derived);
    // An element that is newer than everything behind weights cannot be among the origins of that.
    let origins: ReadonlySet<number> | null = null;
    const pivot = elements.find((at) => {
      if (at > newest) return true;
      origins ??= this.#originsOf([new Map(derived.map((each) => [each, 1]))]);
      return !origins.has(at);
    });
    if (pivot === undefined) {
      for (const at of this.#originsOf([equation])) this.#solved.set(at, NO_SHIFT);
      return;
    }
    const coefficient = equation.get(pivot) as number;
    const rest = plus(equation, new Map([[pivot, 1]]), -coefficient);
    this.#solved.set(pivot, plus(NO_SHIFT, rest, -1 / coefficient));
  }

  /** Adds the equations that all shifts are equal. */
  equate(shifts: readonly Shift[]): void {
    const [first = NO_SHIFT, ...others] = shifts;
    for (const other of others) this.vanish(plus(other, first, -1));
  }

  /** The free elements of vectors that shifts depend on, directly or behind weights. */
  #originsOf(shifts: readonly Shift[]): Set<number> {
    const origins = new Set<number>();
    const seen = new Set<ReadonlySet<number>>();
    const collect = (shift: Shift): void => {
      for (const at of this.resolve(shift).keys()) {
        const unknown = this.unknown(at);
        if ('weight' in unknown) origins.add(at);
        else if (!seen.has(unknown.origins)) {
          seen.add(unknown.origins);
          for (const origin of unknown.origins) collect(new Map([[origin, 1]]));
        }
      }
    };
    for (const shift of shifts) collect(shift);
    return origins;
  }

  #isGone(origins: ReadonlySet<number>): boolean {
    if (this.#gone.has(origins)) return true;
    for (const origin of origins) if (this.resolve(new Map([[origin, 1]])).size > 0) return false;
    this.#gone.add(origins);
    return true;
  }

  #fresh(unknown: Unknown): Shift {
    this.#unknowns.push(unknown);
    return new Map([[this.#unknowns.length - 1, 1]]);
  }
}
