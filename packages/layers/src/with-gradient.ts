import * as tf from '@tensorflow/tfjs-core';

/** What a forward pass gives: its value, and what its gradient needs. */
interface Forward {
  readonly value: tf.Tensor;
  readonly saved: tf.Tensor[];
}

/**
 * Applies a function of tensors whose gradient is written out: fewer operations than the ones that tfjs derives, and
 * none that a backend lacks. Gradients reach the inputs alone; a tensor that the functions close over is a constant.
 *
 * @param backward gives one gradient for each input
 */
export function withGradient<T extends tf.Tensor[]>(
  inputs: [...T],
  forward: (...inputs: T) => Forward,
  backward: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    const { value, saved } = forward(...(args.slice(0, -1) as T));
    save(saved);
    return { value, gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => backward(dy, kept) };
  });
  return apply(...inputs);
}

/**
 * Sums over the rows of a matrix, as a product: on wasm a reduction takes many times as long.
 *
 * @param x [rows, width], or of any shape with that many elements
 * @returns [width]
 */
export function sumOfRows(x: tf.Tensor, width: number): tf.Tensor {
  const rows = x.size / width;
  const ones = tf.ones<tf.Rank.R2>([1, rows]);
  return tf.reshape(tf.matMul(ones, tf.reshape(x, [rows, width])), [width]);
}

/** Sums over the last axis, which stays with size 1, as a product. */
export function sumOfLast(x: tf.Tensor): tf.Tensor {
  const width = x.shape.at(-1) as number;
  const ones = tf.ones<tf.Rank.R2>([width, 1]);
  const sums = tf.matMul(tf.reshape(x, [-1, width]), ones);
  return tf.reshape(sums, [...x.shape.slice(0, -1), 1]);
}
