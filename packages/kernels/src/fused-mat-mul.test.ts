import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, kernelsRunBy, noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

const matrix = (shape: [number, number], seed: number): tf.Tensor2D =>
  tf.tensor2d(noise(random(seed), shape[0] * shape[1]), shape);

test('a product without bias equals tf.matMul bit for bit, and with one is that of tfjs', () => {
  tf.tidy(() => {
    const [a, b] = [matrix([33, 65], 1), matrix([65, 70], 2)];
    const bias = tf.tensor1d(noise(random(3), 70));
    expect(values(tf.fused.matMul({ a, b }))).toEqual(values(tf.matMul(a, b)));
    const options = { a, b, bias, activation: 'relu' as const };
    const expected = tf.relu(tf.add(tf.matMul(a, b), bias));
    expect(kernelsRunBy(() => void tf.fused.matMul(options))).toContain('_FusedMatMul');
    expectClose(values(tf.fused.matMul(options)), values(expected), 1e-5);
  });
});

test('one buffer under two shapes multiplies rightly', () => {
  tf.tidy(() => {
    const right = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const turned = tf.reshape(right, [3, 2]) as tf.Tensor2D;
    for (let i = 0; i < 3; i++) {
      expect(values(tf.fused.matMul({ a: tf.ones([1, 2]), b: right }))).toEqual([5, 7, 9]);
      expect(values(tf.fused.matMul({ a: tf.ones([1, 3]), b: turned }))).toEqual([9, 12]);
    }
  });
});
