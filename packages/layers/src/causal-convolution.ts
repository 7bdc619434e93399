import * as tf from '@tensorflow/tfjs-core';
import { sumOfRows, withGradient } from './with-gradient.ts';

/** Part of x along time: [batch, time, channels] from step `first` on. */
const steps = (x: tf.Tensor, first: number, time: number): tf.Tensor =>
  tf.slice(x, [0, first, 0], [-1, time, -1]);

/**
 * silu(Σₖ kernelₖ · x[t − taps + 1 + k] + bias): each channel by itself, over the last steps.
 *
 * @param padded [batch, taps − 1 + time, channels]: x after the steps before it, or after zeros
 * @param kernel [taps, channels], the last tap for the step itself
 * @param bias [channels]
 * @returns [batch, time, channels]
 */
export function causalConvolution(
  padded: tf.Tensor,
  kernel: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor {
  const [taps, channels] = kernel.shape as [number, number];
  const time = (padded.shape[1] as number) - taps + 1;
  const each = Array.from({ length: taps }, (_, k) => k);
  const tap = (weights: tf.Tensor, k: number): tf.Tensor =>
    tf.reshape(tf.slice(weights, [k, 0], [1, channels]), [channels]);
  return withGradient(
    [padded, kernel, bias],
    (x, weights, shift) => {
      const sum = each.reduce<tf.Tensor>(
        (partial, k) => tf.add(partial, tf.mul(steps(x, k, time), tap(weights, k))),
        shift,
      );
      const sigmoid = tf.sigmoid(sum);
      const value = tf.mul(sum, sigmoid);
      return { value, saved: [x, weights, sigmoid, value] };
    },
    (dy, saved) => {
      const [x, weights, sigmoid, value] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      const dSum = tf.mul(dy, tf.add(sigmoid, tf.mul(value, tf.sub(1, sigmoid))));
      // What step t reads through tap k is step t + k of the padded input.
      const spread = each.map((k) =>
        tf.pad(tf.mul(dSum, tap(weights, k)), [
          [0, 0],
          [k, taps - 1 - k],
          [0, 0],
        ]),
      );
      const dKernel = each.map((k) => sumOfRows(tf.mul(dSum, steps(x, k, time)), channels));
      return [spread.reduce((a, b) => tf.add(a, b)), tf.stack(dKernel), sumOfRows(dSum, channels)];
    },
  );
}
