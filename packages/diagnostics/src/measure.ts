/** Sums over a weight, its update and its moments, as one small tensor on the device. */
import * as tf from '@tensorflow/tfjs-core';

/** What is measured of a variable. */
export interface Measured {
  readonly weight: tf.Variable;
  /** The weight before the step, and the share of it that the step kept; null if it was not held. */
  readonly before: { readonly weight: tf.Tensor; readonly kept: number } | null;
  readonly moments: { readonly mean: tf.Tensor; readonly square: tf.Tensor } | null;
}

/** How many numbers a variable has in the tensor. */
export const SUMS = 5;

/** The host's view of the sums: each is a mean over the entries. */
export interface Means {
  readonly weight: number;
  readonly update: number;
  readonly outward: number;
  readonly mean: number;
  readonly square: number;
}

/** Beyond this many terms a sum in float32 loses digits. */
const LONG = 2 ** 20;

/**
 * Σ a·b. Not as a product of matrices: tfjs' wasm backend keeps the second matrix by its data, and would later multiply by
 * the same weight as if it still had one column.
 */
function dot(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const product = a === b ? tf.square(a) : tf.mul(a, b);
  return product.size > LONG ? tf.sum(tf.sum(product, -1)) : tf.sum(product);
}

/** [variables × SUMS]: Σw², Σu², Σw·u, Σm² and Σv of each, with u the update without decay. */
export function sumsOf(measured: readonly Measured[]): tf.Tensor1D {
  return tf.tidy(() => {
    const nothing = tf.scalar(0);
    const sums = measured.flatMap(({ weight, before, moments }) => {
      const update = before && tf.sub(weight, tf.mul(before.weight, before.kept));
      return [
        dot(weight, weight),
        update ? dot(update, update) : nothing,
        before && update ? dot(before.weight, update) : nothing,
        moments ? dot(moments.mean, moments.mean) : nothing,
        moments ? tf.sum(moments.square) : nothing,
      ];
    });
    return tf.stack(sums) as tf.Tensor1D;
  });
}

/** The means of one variable of `size` entries. */
export function meansAt(sums: ArrayLike<number>, index: number, size: number): Means {
  const [weight, update, outward, mean, square] = Array.from(
    { length: SUMS },
    (_, i) => (sums[index * SUMS + i] as number) / size,
  ) as [number, number, number, number, number];
  return { weight, update, outward, mean, square };
}
