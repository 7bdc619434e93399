// For the gradients of tfjs itself, which stock has.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { disableTraining, enableTraining } from '../index.ts';

beforeEach(enableTraining);
afterEach(disableTraining);

const constant: readonly (readonly [string, (x: tf.Tensor) => tf.Tensor])[] = [
  ['all', (x) => tf.all(tf.greater(x, 0))],
  ['any', (x) => tf.any(tf.greater(x, 0))],
  ['logicalAnd', (x) => tf.logicalAnd(tf.greater(x, 0), tf.less(x, 1))],
  ['logicalNot', (x) => tf.logicalNot(tf.greater(x, 0))],
  ['logicalOr', (x) => tf.logicalOr(tf.greater(x, 0), tf.less(x, 1))],
  ['multinomial', (x) => tf.multinomial(x as tf.Tensor1D, 3, 1)],
  ['searchSorted', (x) => tf.searchSorted(x, x)],
];

onCpu(() => {
  test.each(constant)(
    'what goes through %s has the gradient zero, which stock tfjs refuses',
    (_, of) => {
      const gradient = (): number[] =>
        tf.tidy(() => {
          const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.cast(of(x), 'float32'));
          return Array.from(
            tf
              .grad(loss)(tf.tensor1d([0.2, 0.7]))
              .dataSync(),
          );
        });
      expect(gradient()).toEqual([0, 0]);
      disableTraining();
      expect(gradient).toThrow('gradient function not found');
    },
  );

  // Each of these ends in a comparison or a cast, which give nothing on; so their own are looked at.
  test.each(['All', 'Any', 'LogicalAnd', 'LogicalNot', 'LogicalOr', 'Multinomial', 'SearchSorted'])(
    'the gradient registered for %s is zeros of the shapes of its inputs',
    (kernelName) => {
      const { gradFunc, inputsToSave } = tf.getGradient(kernelName);
      const saved = inputsToSave!.map((_, i) => tf.ones([2, i + 1]));
      const gradients = gradFunc(tf.ones([2]), saved, {});
      for (const [i, name] of inputsToSave!.entries()) {
        const zeros = gradients[name]!();
        expect(zeros.shape).toEqual(saved[i]!.shape);
        expect([...zeros.dataSync()].every((value) => value === 0)).toBe(true);
      }
    },
  );
});
