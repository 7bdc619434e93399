/** A parsed einsum: each axis of the operands and of the result by its letter. */
export interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly result: readonly string[];
}

/**
 * Parses an einsum that tfjs has already accepted: one or two operands, an arrow, no repeated letter within an operand.
 *
 * @throws Error if a letter of the result is repeated or in no operand
 */
export function parseEquation(equation: string): Equation {
  const [left = '', right = ''] = equation.replace(/\s/g, '').split('->');
  const operands = left.split(',').map((term) => [...term]);
  const result = [...right];
  for (const [index, letter] of result.entries()) {
    if (result.indexOf(letter) === index && operands.some((own) => own.includes(letter))) continue;
    throw new Error(
      `kernels/einsum: the letters of the result must be letters of operands, each once. Received "${equation}". Try a result without "${letter}", and broadcast or mask it.`,
    );
  }
  return { operands, result };
}

export const isOneOf =
  (...lists: readonly (readonly string[])[]) =>
  (letter: string): boolean =>
    lists.some((list) => list.includes(letter));

/** The position of each letter of `to` among those of `from`. */
export const permutation = (from: readonly string[], to: readonly string[]): number[] =>
  to.map((letter) => from.indexOf(letter));
