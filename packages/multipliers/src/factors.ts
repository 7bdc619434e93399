/** The three factors of a kernel: which are selected, their shapes, and their product with the kernel. */
import * as tf from '@tensorflow/tfjs-core';
import type { KernelAxes } from '@tfjs-lrm/core/kit';
import { multiply } from './multiply.ts';

/** The factors that a kernel can have, in the order of a layer's weights. */
export const FACTORS = ['row', 'column', 'scalar'] as const;

/** One of the three factors. */
export type Factor = (typeof FACTORS)[number];

/** The shapes of the factors of a kernel; null for a factor that the kernel cannot have. */
export function factorShapes(
  shape: readonly (number | null)[],
  { row, column }: KernelAxes,
): { readonly row: number[]; readonly column: number[] | null; readonly scalar: number[] } {
  return {
    row: row.map((axis) => shape.at(axis) as number),
    column: column === null ? null : [shape.at(column) as number],
    scalar: [],
  };
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

/** The effective kernel as a new tensor, with factors along the given axes of the kernel. */
export function multiplyAlong(
  kernel: tf.Tensor,
  factors: { readonly [factor in Factor]?: tf.Tensor },
  { row, column }: KernelAxes,
): tf.Tensor {
  const [axis, ...others] = row as [number, ...number[]];
  // Without a column axis no factor runs along it, so any other axis works.
  if (others.length === 0) return multiply(kernel, factors, { row: axis, column: column ?? 0 });
  return tf.tidy(() => {
    // [..., inputs, multiplier] as [..., inputs · multiplier]
    const merged = tf.reshape(kernel, [...kernel.shape.slice(0, -row.length), -1]);
    const flat = factors.row === undefined ? {} : { row: tf.reshape(factors.row, [-1]) };
    const product = multiply(merged, { ...factors, ...flat }, { row: -1, column: -2 });
    return tf.reshape(product, kernel.shape);
  });
}
