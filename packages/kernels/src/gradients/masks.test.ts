// For the gradients of tfjs itself, which stock has.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { disableTraining, enableTraining } from '../index.ts';

beforeEach(() => enableTraining());
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

  // Each of these ends in a comparison or a cast, which give nothing on; so gradients are asked for at their own inputs.
  const row = (): tf.Tensor => tf.tensor([1, 0], [1, 2]);
  const mask = (...shape: number[]): tf.Tensor => tf.cast(tf.ones(shape), 'bool');
  const direct: readonly (readonly [
    string,
    () => tf.Tensor[],
    (...inputs: never[]) => tf.Tensor,
  ])[] = [
    ['all', () => [mask(2, 3)], tf.all],
    ['any', () => [mask(2, 3)], tf.any],
    ['equal', () => [row(), tf.ones([3, 1])], tf.equal],
    ['floorDiv', () => [row(), tf.ones([3, 1])], tf.floorDiv],
    ['greater', () => [row(), tf.scalar(0)], tf.greater],
    ['logicalAnd', () => [mask(1, 2), mask(3, 1)], tf.logicalAnd],
    ['logicalNot', () => [mask(1, 2)], tf.logicalNot],
    ['logicalOr', () => [mask(1, 2), mask(3, 1)], tf.logicalOr],
    ['multinomial', () => [row()], (x: tf.Tensor2D) => tf.multinomial(x, 3, 1)],
    ['searchSorted', () => [row(), row()], tf.searchSorted],
  ];
  test.each(direct)('the gradient of %s is zeros of the shapes of its inputs', (_, make, of) => {
    tf.tidy(() => {
      const inputs = make();
      const compute = of as (...inputs: tf.Tensor[]) => tf.Tensor;
      const { grads } = tf.engine().gradients(() => tf.cast(compute(...inputs), 'float32'), inputs);
      for (const [i, gradient] of grads.entries()) {
        expect(gradient.shape).toEqual(inputs[i]!.shape);
        expect([...gradient.dataSync()].every((value) => value === 0)).toBe(true);
      }
    });
  });

  test('a comparison that is recorded keeps no copies', () => {
    tf.tidy(() => {
      tf.grad((x: tf.Tensor) => {
        const mask = tf.greater(x, tf.tensor1d([1.5, 1.5]));
        const node = tf.engine().state.activeTape.find(({ outputs }) => outputs[0] === mask);
        expect(node!.saved).toEqual([]);
        return tf.mul(x, tf.cast(mask, 'float32'));
      })(tf.tensor1d([1, 2]));
    });
  });
});
