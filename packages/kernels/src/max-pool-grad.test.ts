import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

const side = fc.integer({ min: 3, max: 9 });
const samples = fc.sample(
  fc.record({
    shape: fc.tuple(fc.constantFrom(1, 2, 4), side, side, fc.constantFrom(1, 2, 5)),
    filter: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 2, 3)),
    pad: fc.constantFrom('same' as const, 'valid' as const),
    seed: fc.nat(),
  }),
  { numRuns: 200, seed: 1 },
);

const gradient = ({ shape, filter, stride, pad, seed }: (typeof samples)[number]): number[] =>
  tf.tidy(() => {
    const draw = (ofShape: number[], from: number) =>
      tf.tensor(noise(random(from), tf.util.sizeFromShape(ofShape)), ofShape);
    const pool = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, filter, stride, pad);
    const x = draw(shape, seed);
    const weights = draw(pool(x).shape, seed + 1);
    return values(tf.grad((t) => tf.sum(tf.mul(weights, pool(t))))(x));
  });

test('gradients equal those of the cpu backend', async () => {
  const ours = samples.map(gradient);
  await useBackend('cpu');
  const cpu = samples.map(gradient);
  await useBackend('wasm');
  for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 1);
});

test('in a window of negative elements the largest gets the gradient, which stock tfjs gives the first', () => {
  const ofNegative = () =>
    tf.tidy(() => {
      const grad = tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')));
      return values(grad(tf.tensor4d([-4, -3, -1, -2], [1, 2, 2, 1])));
    });
  expect(ofNegative()).toEqual([0, 0, 1, 0]);
  disableTraining();
  expect(ofNegative()).toEqual([1, 0, 0, 0]);
});

test('100 gradients leave no tensor', async () => {
  const once = () => gradient(samples[0]!);
  expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
});
