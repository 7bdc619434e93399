import * as tf from '@tensorflow/tfjs-core';
import { isTapeOn } from '@tfjs-lrm/core/kit';

/** One gradient for each input, from that of the value and what the forward pass saved. */
type Backward = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[];

/** What a forward pass gives: its value, and what its gradient needs. */
interface Forward {
  readonly value: tf.Tensor;
  readonly saved: tf.Tensor[];
  /** Replaces the common backward pass where this forward pass saved something else. */
  readonly backward?: Backward;
}

/**
 * Applies a function of tensors whose gradient is written out: fewer operations than the ones that tfjs derives, and
 * none that a backend lacks. Gradients reach the inputs alone.
 *
 * What a forward pass saves is a constant to the tape. For a gradient of the gradient, the forward pass therefore runs
 * again, on the tape: both functions must consist of operations that have gradients where the tape records, and must
 * not close over tensors, which may be disposed of by then.
 *
 * @param constants further arguments of `forward`, without a gradient
 */
export function withGradient<T extends tf.Tensor[]>(
  inputs: [...T],
  forward: (...tensors: [...T, ...constants: tf.Tensor[]]) => Forward,
  backward: Backward,
  constants: readonly tf.Tensor[] = [],
): tf.Tensor {
  const apply = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as (tensors: tf.Tensor[]) => void;
    const read = [...(args.slice(0, -1) as T), ...constants] as const;
    const { value, saved, backward: gradients = backward } = forward(...read);
    const isNested = tf.engine().state.gradientDepth > 1;
    save(isNested ? [...saved, ...read] : saved);
    const gradFunc = (dy: tf.Tensor, copies: tf.Tensor[]): tf.Tensor[] => {
      // tfjs disposes of what a gradient function leaves only after the whole backward pass.
      if (!isTapeOn()) return tf.tidy(() => gradients(dy, copies.slice(0, saved.length)));
      const again = isNested ? copies.slice(saved.length) : [...read];
      if (again.some(({ isDisposed }) => isDisposed)) {
        throw new Error(
          'A gradient of a gradient needs the inputs of each layer. Received a layer that ran before the inner gradient began, and whose inputs are disposed of. Try applying the layer within the function that the inner gradient is taken of.',
        );
      }
      return backward(dy, forward(...(again as [...T, ...tf.Tensor[]])).saved);
    };
    return { value, gradFunc };
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
