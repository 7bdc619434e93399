/** Sums along time as products with triangles of ones, which every backend computes fast. */
import * as tf from '@tensorflow/tfjs-core';

/** [size, size] of f(i, j). */
export const square = (size: number, f: (i: number, j: number) => number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: size * size }, (_, at) => f(Math.floor(at / size), at % size)),
    [size, size],
  );

/** Right factor of a product that sums up to each element, itself included: [size, size]. */
export const upTo = (size: number): tf.Tensor2D => square(size, (j, i) => (j <= i ? 1 : 0));

/** Right factor of a product that sums what is before each element. */
export const sumsBefore = (size: number): tf.Tensor2D => square(size, (j, k) => (j < k ? 1 : 0));

/** exp(sᵢ − rⱼ) where i and j are in an order, else 0: [rows, size, size] from two of [rows, size]. */
export function decays(
  s: tf.Tensor,
  r: tf.Tensor,
  counts: (i: number, j: number) => boolean,
): tf.Tensor3D {
  const [rows, size] = s.shape as [number, number];
  const difference = tf.sub(tf.reshape(s, [rows, size, 1]), tf.reshape(r, [rows, 1, size]));
  const mask = square(size, (i, j) => (counts(i, j) ? 1 : 0));
  // What counts is at most 0. The rest must stay finite: webgl multiplies what lies beyond odd sizes by zero.
  return tf.mul(tf.exp(tf.minimum(difference, 0)), mask) as tf.Tensor3D;
}

/**
 * What lies on both sides of each place: Σ over i after k and j before k of w[i, j].
 *
 * @param w [rows, size, size]
 * @param isAfter whether i is after k; j is before it where j < k
 * @returns [rows, size]
 */
export function across(w: tf.Tensor, isAfter: (i: number, k: number) => boolean): tf.Tensor {
  const [rows, size] = w.shape as [number, number, number];
  const before = tf.matMul(tf.reshape(w, [-1, size]), sumsBefore(size));
  const after = square(size, (i, k) => (isAfter(i, k) ? 1 : 0));
  const both = tf.mul(tf.reshape(before, w.shape), after);
  return tf.reshape(tf.matMul(tf.ones([rows, 1, size]), both), [rows, size]);
}
