import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eachBackend } from '../../../../test/backends.ts';
import { kernelsRunBy, values } from '../../../../test/tensors.ts';
import { disableTraining, enableTraining } from '../index.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;
const gradientsOf = (f: Binary, a: tf.Tensor, b: tf.Tensor): number[][] =>
  tf.tidy(() =>
    tf
      .grads((x, y) => tf.sum(f(x!, y!)))([a, b])
      .map(values),
  );

eachBackend(() => {
  test('is 0 where the divisor is, for operands of one shape and for a row of divisors', () => {
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect(gradientsOf(tf.divNoNan, a, tf.tensor2d([0, 2, 4, 0], [2, 2]))).toEqual([
      [0, 0.5, 0.25, 0],
      [0, -0.5, -0.1875, 0],
    ]);
    expect(gradientsOf(tf.divNoNan, a, tf.tensor1d([0, 2]))).toEqual([
      [0, 0.5, 0, 0.5],
      [0, -1.5],
    ]);
  });

  test('every other division keeps the gradient of tfjs, 1/0 and its kernels included', () => {
    const [a, b] = [tf.tensor1d([0, 2]), tf.tensor1d([0, 2])];
    const divide = () => gradientsOf(tf.div, a, b);
    // The sum that the gradient is taken of saves nothing here, and a copy in stock tfjs.
    const kernels = () => kernelsRunBy(divide).filter((name) => name !== 'Identity');
    const ours = [divide(), kernels()];
    expect(ours[0]).toEqual([
      [Number.POSITIVE_INFINITY, 0.5],
      [Number.NaN, -0.5],
    ]);
    disableTraining();
    expect([divide(), kernels()]).toEqual(ours);
  });
});
