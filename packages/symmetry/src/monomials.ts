/**
 * A product of powers of unknown scales: unknown → exponent. The empty product is 1, a fixed scale.
 */
export type Monomial = ReadonlyMap<number, number>;

/** The scale that is fixed to 1. */
export const FIXED: Monomial = new Map();

/** a · b^power */
export function times(a: Monomial, b: Monomial, power = 1): Monomial {
  if (b.size === 0) return a;
  const product = new Map(a);
  for (const [unknown, exponent] of b) {
    const sum = (product.get(unknown) ?? 0) + power * exponent;
    if (sum === 0) product.delete(unknown);
    else product.set(unknown, sum);
  }
  return product;
}

/**
 * Solves equations between products of powers of unknown scales, which are linear in their logarithms, by elimination
 * as they are added. The remaining unknowns are free.
 */
export class Scales {
  #count = 0;
  readonly #solved = new Map<number, Monomial>();

  /** A new unknown. */
  fresh(): Monomial {
    this.#count += 1;
    return new Map([[this.#count, 1]]);
  }

  /** The monomial in terms of free unknowns only. */
  resolve(monomial: Monomial): Monomial {
    let resolved: Monomial = monomial;
    for (const [unknown, exponent] of monomial) {
      const solution = this.#solved.get(unknown);
      if (solution === undefined) continue;
      const settled = this.resolve(solution);
      if (settled !== solution) this.#solved.set(unknown, settled);
      resolved = times(times(resolved, new Map([[unknown, 1]]), -exponent), settled, exponent);
    }
    return resolved;
  }

  /** Adds the equation that two products are equal. */
  equate(a: Monomial, b: Monomial): void {
    const quotient = this.resolve(times(this.resolve(a), b, -1));
    const [first] = quotient;
    if (first === undefined) return;
    const [unknown, exponent] = first;
    const rest = times(quotient, new Map([[unknown, 1]]), -exponent);
    this.#solved.set(unknown, times(FIXED, rest, -1 / exponent));
  }
}
