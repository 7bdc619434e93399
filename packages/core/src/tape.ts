import * as tf from '@tensorflow/tfjs-core';

/**
 * True while operations are being recorded for a gradient: within the function that it is taken of, but not within a
 * kernel or the forward pass of a custom gradient. In a backward pass it means that a gradient of the gradient follows.
 *
 * @example
 * isTapeOn(); // false
 */
export function isTapeOn(): boolean {
  const { gradientDepth, kernelDepth } = tf.engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}
