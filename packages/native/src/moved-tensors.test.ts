import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { compile } from './compile/compile.ts';
import { isLinked } from './linked.ts';

describe.skipIf(!isLinked())('a tensor from another backend', () => {
  test.each(['cpu', 'wasm'] as const)(
    'has its own shape, not that of its data on %s',
    async (from) => {
      await useBackend(from);
      const vector = tf.tensor1d([1, 2, 3, 4, 5, 6]);
      // Shares the data of the part.
      const matrix = tf.tidy(() => tf.reshape(tf.mul(vector, 1), [2, 3]));
      await useBackend('tensorflow');
      const row = tf.tensor1d([10, 20, 30]);
      expect(values(tf.add(matrix, row))).toEqual([11, 22, 33, 14, 25, 36]);
      expect(values(tf.add(vector, 1))).toEqual([2, 3, 4, 5, 6, 7]);
      tf.dispose([vector, matrix, row]);
    },
  );

  test('has its own shape in the first call of a compiled step', async () => {
    await useBackend('cpu');
    const matrix = tf.tidy(() => tf.reshape(tf.mul(tf.tensor1d([1, 2, 3, 4, 5, 6]), 1), [2, 3]));
    await useBackend('tensorflow');
    const step = compile((row: tf.Tensor) => tf.add(matrix, row));
    const row = tf.tensor1d([10, 20, 30]);
    for (let call = 0; call < 3; call++)
      expect(values(step(row))).toEqual([11, 22, 33, 14, 25, 36]);
    step.dispose();
    tf.dispose([matrix, row]);
  });
});
