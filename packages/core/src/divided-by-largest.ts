import * as tf from '@tensorflow/tfjs-core';
import { isHalfPrecision } from './half-precision.ts';

/** A tensor as the product of a quotient, whose elements are at most 1, and its largest magnitude. */
export interface DividedByLargest {
  readonly quotient: tf.Tensor;
  /** Scalar, or with the axes at length 1; at least the smallest number that the backend holds with full precision. */
  readonly largest: tf.Tensor;
}

/**
 * Divides a tensor by its largest magnitude along axes, so that squares neither overflow nor vanish: in float32 the
 * square of 1e20 is infinity and that of 1e-23 is 0.
 *
 *   quotient = x / largest,   largest = max |x|
 *
 * Zeros stay zeros. Where x holds NaN or infinity, so does the quotient.
 *
 * @param axes the axes to reduce, which keep length 1; by default all of them, to a scalar
 * @example
 * const { quotient, largest } = dividedByLargest(kernel);
 * const norm = tf.mul(largest, tf.norm(quotient));
 */
export function dividedByLargest(x: tf.Tensor, axes?: number[]): DividedByLargest {
  const [least, most] = isHalfPrecision() ? [2 ** -14, 65504] : [2 ** -126, 2 ** 127];
  // The upper bound keeps infinity / infinity from being NaN.
  const largest = tf.minimum(tf.maximum(tf.max(tf.abs(x), axes, axes !== undefined), least), most);
  return { quotient: tf.div(x, largest), largest };
}
