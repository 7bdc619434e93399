import * as tf from '@tensorflow/tfjs-core';
import { dividedByLargest } from '@tfjs-lrm/core/kit';

/** The Euclidean norm over all elements of all tensors, a scalar; 0 for none. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  if (tensors.length === 0) return tf.scalar(0);
  // One long vector: a model has many gradients, and two operations for each cost more than the copy.
  return norm(tf.concat(tensors.map((t) => tf.reshape(t, [-1]))));
}

/** √Σx² along axes, which keep length 1, or over everything without axes; for x of any magnitude. */
function norm<T extends tf.Tensor>(x: tf.Tensor, axes?: number[]): T {
  const { quotient, largest } = dividedByLargest(x, axes);
  return tf.mul(tf.sqrt(tf.sum(tf.square(quotient), axes, axes !== undefined)), largest);
}

// As in PyTorch's clip_grad_norm_; keeps the quotient finite for a norm of 0.
const EPSILON = 1e-6;

/** min(1, threshold / (norm + 1e-6)). */
export function coefficient(norm: tf.Tensor, threshold: number): tf.Scalar {
  return tf.minimum(tf.div(threshold, tf.add(norm, EPSILON)), 1);
}

// As in optax' adaptive_grad_clip; lets units with zero weights move.
const LEAST_UNIT_NORM = 1e-3;

/**
 * Adaptive clipping (Brock et al., 2021, eq. 3): unit by unit, ‖g‖ is cut to at most λ·max(‖w‖, 1e-3). The
 * units of a kernel are its outputs, along the last axis; a vector is one unit.
 */
export function clipUnits(gradient: tf.Tensor, weight: tf.Tensor, lambda: number): tf.Tensor {
  const axes = weight.shape.map((_, axis) => axis).slice(0, weight.rank < 2 ? 1 : -1);
  const most = tf.mul(tf.maximum(norm(weight, axes), LEAST_UNIT_NORM), lambda);
  return tf.mul(gradient, tf.minimum(tf.div(most, tf.maximum(norm(gradient, axes), EPSILON)), 1));
}
