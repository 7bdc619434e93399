import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eachBackend } from '../../../../test/backends.ts';
import {
  expectClose,
  kernelsRunBy,
  noise,
  random,
  tensorsLeftBy,
  values,
} from '../../../../test/tensors.ts';
import { disableTraining, enableTraining } from '../index.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

const draw = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const gradientOf = (shape: number[], reps: number[], seed = 1): number[] =>
  tf.tidy(() => {
    const x = draw(shape, seed);
    const weights = draw(tf.tile(x, reps).shape, seed + 1);
    return values(tf.grad((t) => tf.sum(tf.mul(weights, tf.tile(t, reps))))(x));
  });

/** Element by element, with no tensor: every element of the tile adds its weight to where it came from. */
function expected(shape: number[], reps: number[], seed = 1): number[] {
  const outShape = shape.map((size, axis) => size * reps[axis]!);
  const sums = new Array<number>(tf.util.sizeFromShape(shape)).fill(0);
  const [strides, outStrides] = [shape, outShape].map((of) =>
    of.map((_, axis) => tf.util.sizeFromShape(of.slice(axis + 1))),
  );
  noise(random(seed + 1), tf.util.sizeFromShape(outShape)).forEach((weight, i) => {
    const at = outShape.map((size, axis) => Math.floor(i / outStrides![axis]!) % size);
    const from = at.reduce((sum, k, axis) => sum + (k % shape[axis]!) * strides![axis]!, 0);
    sums[from]! += weight;
  });
  return sums;
}

const cases = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 })), {
    minLength: 1,
    maxLength: 5,
  })
  .map((axes) => ({ shape: axes.map(([size]) => size), reps: axes.map(([, rep]) => rep) }));

eachBackend((backend) => {
  test('the gradient of tile adds up what each element was copied to', () => {
    fc.assert(
      fc.property(cases, ({ shape, reps }) => {
        expectClose(gradientOf(shape, reps), expected(shape, reps), 1e-5, 1);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  test('it runs as many kernels for 64 repetitions as for 2, where stock tfjs runs more with each', () => {
    const count = (reps: number) => kernelsRunBy(() => gradientOf([3], [reps])).length;
    expect(count(64)).toBe(count(2));
    disableTraining();
    expect(count(64), backend).toBeGreaterThan(2 * count(2));
  });

  test('the gradient of its gradient is a tile', () => {
    const loss = (x: tf.Tensor): tf.Scalar => tf.sum(tf.pow(tf.tile(x, [2, 3]), 3));
    const penalty = tf.grad((x) => tf.sum(tf.square(tf.grad(loss)(x))));
    // The loss is 6 Σ x³, the penalty Σ (18 x²)², and its gradient 1296 x³.
    tf.tidy(() => expectClose(values(penalty(tf.tensor2d([[1, -2]]))), [1296, -10368], 1e-5));
  });

  test('100 gradients leave no tensor', async () => {
    gradientOf([2, 3], [4, 5]);
    expect(
      await tensorsLeftBy(() => Array.from({ length: 100 }, () => gradientOf([2, 3], [4, 5]))),
    ).toBe(0);
  });
});

test('rank 5 and more, which stock tfjs refuses', () => {
  const shape = [1, 2, 1, 2, 1];
  expectClose(gradientOf(shape, [2, 1, 2, 2, 3]), expected(shape, [2, 1, 2, 2, 3]), 1e-5, 1);
  disableTraining();
  expect(() => gradientOf(shape, [2, 1, 2, 2, 3])).toThrow(
    'Gradient for tile operation is not implemented for rank-5',
  );
});
