import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, kernelsRunBy, noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

const matrix = (shape: [number, number], seed: number): tf.Tensor2D =>
  tf.tensor2d(noise(random(seed), shape[0] * shape[1]), shape);

test('a product without bias equals tf.matMul bit for bit, and with one the sum of both', () => {
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

test('one buffer under two shapes multiplies rightly, with a bias too', () => {
  tf.tidy(() => {
    const bias = tf.tensor1d([10, 20, 30]);
    const right = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const turned = tf.reshape(right, [3, 2]) as tf.Tensor2D;
    for (let i = 0; i < 3; i++) {
      expect(values(tf.fused.matMul({ a: tf.ones([1, 2]), b: right }))).toEqual([5, 7, 9]);
      expect(values(tf.fused.matMul({ a: tf.ones([1, 2]), b: right, bias }))).toEqual([15, 27, 39]);
      expect(values(tf.fused.matMul({ a: tf.ones([1, 3]), b: turned }))).toEqual([9, 12]);
    }
  });
});

test('a bias is added to every row, on each way that products take, of any size', () => {
  for (const [batch, rows, inner, columns] of [
    [1, 1, 3, 5],
    [1, 3, 300, 7],
    [1, 200, 300, 8],
    [1, 97, 513, 1601],
    [5, 31, 20, 33],
    [1, 4, 0, 6],
  ] as const) {
    tf.tidy(() => {
      const draw = (shape: number[], seed: number): tf.Tensor =>
        tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);
      const a = draw([batch, rows, inner], 1) as tf.Tensor2D;
      const b = draw([batch, inner, columns], 2) as tf.Tensor2D;
      const bias = draw([columns], 3);
      const scale = tf.add(tf.matMul(tf.abs(a), tf.abs(b)), tf.abs(bias));
      for (let i = 0; i < 2; i++) {
        const error = tf.sub(tf.fused.matMul({ a, b, bias }), tf.add(tf.matMul(a, b), bias));
        const largest = tf.max(tf.div(tf.abs(error), scale));
        expect([rows, columns, values(largest)[0]! < 1e-6]).toEqual([rows, columns, true]);
      }
    });
  }
});

const BATCHES = [[], [1], [3]];
const TRANSPOSES = [false, true];
const ACTIVATIONS = [
  undefined,
  'linear',
  'relu',
  'relu6',
  'elu',
  'sigmoid',
  'leakyrelu',
  'prelu',
] as const;

test('transposes, batches, biases and activations are right in every combination', () => {
  const apart = (transposeA: boolean, transposeB: boolean, batch: number[]): number[] =>
    [false, true].flatMap((hasBias) =>
      ACTIVATIONS.map((activation) =>
        tf.tidy(() => {
          const operand = (rows: number, columns: number, isTransposed: boolean, seed: number) => {
            const shape = [...batch, ...(isTransposed ? [columns, rows] : [rows, columns])];
            return tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);
          };
          const [a, b] = [operand(5, 7, transposeA, 1), operand(7, 4, transposeB, 2)];
          const bias = tf.tensor1d(noise(random(3), 4));
          const preluActivationWeights = tf.tensor1d([0.1, 0.2, 0.3, 0.4]);
          const product = tf.matMul(a, b, transposeA, transposeB);
          const sum = hasBias ? tf.add(product, bias) : product;
          const expected = {
            linear: () => sum,
            relu: () => tf.relu(sum),
            relu6: () => tf.relu6(sum),
            elu: () => tf.elu(sum),
            sigmoid: () => tf.sigmoid(sum),
            leakyrelu: () => tf.leakyRelu(sum, 0.3),
            prelu: () => tf.prelu(sum, preluActivationWeights),
          }[activation ?? 'linear']();
          const options = { a, b, transposeA, transposeB, ...(hasBias && { bias }) };
          const fused = tf.fused.matMul({
            ...(options as typeof options & { a: tf.Tensor2D; b: tf.Tensor2D }),
            ...(activation && { activation }),
            ...(activation === 'prelu' && { preluActivationWeights }),
            ...(activation === 'leakyrelu' && { leakyreluAlpha: 0.3 }),
          });
          return values(tf.max(tf.abs(tf.sub(fused, expected))))[0]!;
        }),
      ),
    );
  for (const transposeA of TRANSPOSES)
    for (const transposeB of TRANSPOSES)
      for (const batch of BATCHES) {
        const { numTensors, numDataBuffers } = tf.memory();
        expect(Math.max(...apart(transposeA, transposeB, batch))).toBeLessThan(1e-6);
        expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
      }
});
