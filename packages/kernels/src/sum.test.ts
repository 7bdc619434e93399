import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

const KERNELS = { sum: tf.sum, mean: tf.mean };

/** Sums over axes, or means, in float64. */
function reference(data: number[], shape: number[], axes: number[], isMean: boolean): number[] {
  const strides = [...tf.util.computeStrides(shape), 1];
  const rest = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const outShape = rest.map((axis) => shape[axis]!);
  const outStrides = [...tf.util.computeStrides(outShape), 1];
  const out = new Array<number>(tf.util.sizeFromShape(outShape)).fill(0);
  data.forEach((value, i) => {
    const at = (axis: number): number => Math.floor(i / strides[axis]!) % shape[axis]!;
    out[rest.reduce((place, axis, k) => place + at(axis) * outStrides[k]!, 0)]! += value;
  });
  const count = axes.reduce((size, axis) => size * shape[axis]!, 1);
  return isMean ? out.map((x) => x / count) : out;
}

test.each(['sum', 'mean'] as const)('%s equals float64, for any shape and axes', (name) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(1, 2, 3, 5, 8, 19, 0), { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 15 }),
      fc.boolean(),
      fc.nat(),
      (shape, mask, keepDims, seed) => {
        const axes = shape.map((_, axis) => axis).filter((axis) => (mask >> axis) & 1);
        if (axes.length === 0 && shape.includes(0)) return; // that is left to tfjs
        tf.tidy(() => {
          const data = noise(random(seed), tf.util.sizeFromShape(shape)).map(Math.fround);
          const actual = KERNELS[name](tf.tensor(data, shape), axes, keepDims);
          const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
          const left = shape.filter((_, axis) => !axes.includes(axis));
          expect(actual.shape).toEqual(keepDims ? kept : left);
          const expected = reference(data, shape, axes, name === 'mean');
          if (expected.some(Number.isNaN)) expect(values(actual)).toEqual(expected);
          else expectClose(values(actual), expected, 1e-5, 1);
        });
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});

/** Shapes whose sums are long, with few or many beside each other, and axes that are neighbours or not. */
const LONG: [string, number[], number[]][] = [
  ['all', [70_001], [0]],
  ['the last axis', [3, 40_000], [1]],
  ['pixels of channels', [4, 64, 64, 5], [0, 1, 2]],
  ['rows of more columns than one block has', [2048, 1100], [0]],
  ['an axis in the middle', [2, 20_000, 3], [1]],
  ['groups of channels', [3, 100, 7, 100], [1, 3]],
];

// A relu after a batch normalization cuts where the mean says, so the gradients hang on the last bits of it. One float32 after
// the other is off by 2e-7 to 5e-6.
test.each(LONG)('sums and means of %s are exact to the last bits', (_, shape, axes) => {
  tf.tidy(() => {
    const data = noise(random(7), tf.util.sizeFromShape(shape)).map((x) => Math.fround(x + 3));
    const x = tf.tensor(data, shape);
    for (const [name, kernel] of Object.entries(KERNELS)) {
      const expected = reference(data, shape, axes, name === 'mean');
      const errors = values(kernel(x, axes)).map((y, i) => Math.abs(y / expected[i]! - 1));
      expect(Math.max(...errors), name).toBeLessThan(2 ** -23);
    }
  });
});

/** How far the sum of 20,000 equal numbers is off, in each of so many columns: their rounding errors do not cancel. */
const errorsOfEqual = (columns: number): number[] =>
  tf.tidy(() => {
    const sums = values(tf.sum(tf.fill([20_000, columns], 0.1), 0));
    return sums.map((sum) => Math.abs(sum / (20_000 * Math.fround(0.1)) - 1));
  });

test.each([1, 3])('equal numbers are added to the last bits, in %i columns', (columns) => {
  expect(Math.max(...errorsOfEqual(columns))).toBeLessThan(2 ** -23);
});

test('stock tfjs adds one float32 after the other', () => {
  disableTraining();
  expect(Math.min(...errorsOfEqual(3))).toBeGreaterThan(1e-5);
});

test('NaN and Infinity stay in their sums, integers and bools are counted', () => {
  tf.tidy(() => {
    const x = tf.tensor2d([1, Number.NaN, 2, 3, 4, Number.POSITIVE_INFINITY], [3, 2]);
    expect(values(tf.sum(x, 1))).toEqual([Number.NaN, 5, Number.POSITIVE_INFINITY]);
    expect(values(tf.mean(x, 0))).toEqual([7 / 3, Number.NaN].map(Math.fround));
    const whole = tf.sum(tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32'), 0);
    expect([whole.dtype, values(whole)]).toEqual(['int32', [4, 6]]);
    expect(values(tf.sum(tf.tensor1d([true, true, false], 'bool')))).toEqual([2]);
    expect(values(tf.sum(tf.scalar(3)))).toEqual([3]);
  });
});

test('leaves nothing behind, and has the same bits each time', async () => {
  const x = tf.randomNormal([33, 65]);
  const once = () => tf.tidy(() => [0, 1].map((axis) => values(tf.sum(x, axis))));
  const first = once();
  expect(await tensorsLeftBy(() => expect(once()).toEqual(first))).toBe(0);
  x.dispose();
});
