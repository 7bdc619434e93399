import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
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
        const isPlain = axes.length > 0 && axes.every((axis, i) => axis === axes[0]! + i);
        // Of nothing, tfjs has sums of its own only where the axes are no neighbours.
        if (!isPlain && shape.includes(0)) return;
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
