/** The three factors of a kernel: which are selected, their shapes, and their product with the kernel. */
import * as tf from '@tensorflow/tfjs-core';
import type { KernelAxes } from '@tfjs-lrm/core/kit';
import { type FactorAxes, multiply } from './multiply.ts';

/** The factors that a kernel can have, in the order of a layer's weights. */
export const FACTORS = ['row', 'column', 'scalar'] as const;

/** One of the three factors. */
export type Factor = (typeof FACTORS)[number];

/** The shapes of the factors of a kernel; null for a factor that the kernel cannot have. */
export function factorShapes(
  shape: readonly (number | null)[],
  { row, column }: KernelAxes,
): { readonly row: number[]; readonly column: number[] | null; readonly scalar: number[] } {
  const sizesOf = (axes: readonly number[]): number[] =>
    axes.map((axis) => shape.at(axis) as number);
  return { row: sizesOf(row), column: column.length === 0 ? null : sizesOf(column), scalar: [] };
}

/**
 * The selected factors, at least one.
 *
 * @param where the function, for the error message
 * @param plain what to use instead of a layer without factors: `the layer`
 * @throws RangeError where all three are false
 */
export function wantedFactors(
  where: string,
  wanted: { readonly [factor in Factor]: boolean },
  plain: string,
): readonly Factor[] {
  const factors = FACTORS.filter((factor) => wanted[factor]);
  if (factors.length > 0) return factors;
  throw new RangeError(
    `${where}: row, column and scalar are all false. Leave at least one of them on, or use ${plain} as it is.`,
  );
}

/** A shape in which the axes of the outputs are one, as are those of the inputs, and which of its axes these are. */
function merged(
  shape: readonly number[],
  { row, column }: KernelAxes,
): { readonly sizes: number[]; readonly axes: FactorAxes } {
  const kinds: (Factor | null)[] = [];
  const sizes: number[] = [];
  for (const [i, size] of shape.entries()) {
    const axis = i - shape.length;
    const kind = row.includes(axis) ? 'row' : column.includes(axis) ? 'column' : null;
    if (kind !== null && kind === kinds.at(-1)) sizes.push((sizes.pop() as number) * size);
    else {
      kinds.push(kind);
      sizes.push(size);
    }
  }
  // Without a column axis no factor runs along it, so any other axis works.
  const axes = { row: kinds.indexOf('row'), column: Math.max(0, kinds.indexOf('column')) };
  return { sizes, axes };
}

/** The effective kernel as a new tensor, with factors along the given axes of the kernel. */
export function multiplyAlong(
  kernel: tf.Tensor,
  factors: { readonly [factor in Factor]?: tf.Tensor },
  axes: KernelAxes,
): tf.Tensor {
  const { sizes, axes: along } = merged(kernel.shape, axes);
  if (sizes.length === kernel.rank) return multiply(kernel, factors, along);
  return tf.tidy(() => {
    const vectors = Object.entries(factors).map(([name, factor]) => [
      name,
      name === 'scalar' ? factor : tf.reshape(factor, [-1]),
    ]);
    const product = multiply(tf.reshape(kernel, sizes), Object.fromEntries(vectors), along);
    return tf.reshape(product, kernel.shape);
  });
}
