import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

const side = fc.integer({ min: 3, max: 9 });
const pair = (of: number): [number, number] => [of, of];
const cases = fc
  .record({
    shape: fc.tuple(fc.constantFrom(1, 2, 4), side, side, fc.constantFrom(1, 2, 5)),
    filter: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 2, 3)),
    stride: fc.tuple(fc.constantFrom(1, 2, 3), fc.constantFrom(1, 2, 3)),
    pad: fc.constantFrom('same' as const, 'valid' as const, 0, 1, [
      [0, 0],
      [1, 0],
      [0, 1],
      [0, 0],
    ] as tf.backend_util.ExplicitPadding),
    seed: fc.nat(),
  })
  // No window may lie in the padding alone; and where it is a number tfjs takes filter and stride for square.
  .map((c) =>
    typeof c.pad === 'number' ? { ...c, filter: pair(c.filter[0]), stride: pair(c.stride[0]) } : c,
  )
  .filter(({ filter, pad }) => typeof pad === 'string' || Math.min(...filter) > 1);
const samples = fc.sample(cases, { numRuns: 200, seed: 1 });

type Case = (typeof samples)[number];

const pool = (x: tf.Tensor, { filter, stride, pad }: Case): tf.Tensor =>
  tf.maxPool(x as tf.Tensor4D, filter, stride, pad, typeof pad === 'string' ? undefined : 'floor');

const draw = (shape: number[], seed: number, scale = 1): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape), scale), shape);

const gradient = (c: Case): number[] =>
  tf.tidy(() => {
    const x = draw(c.shape, c.seed);
    const weights = draw(pool(x, c).shape, c.seed + 1);
    return values(tf.grad((t) => tf.sum(tf.mul(weights, pool(t, c))))(x));
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

test('of equal elements the first gets the gradient, as on cpu', async () => {
  const ofEqual = () =>
    tf.tidy(() => {
      const grad = tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')));
      return values(grad(tf.tensor4d([0, 3, 3, 3], [1, 2, 2, 1])));
    });
  const ours = ofEqual();
  await useBackend('cpu');
  const cpu = ofEqual();
  await useBackend('wasm');
  expect([ours, cpu]).toEqual(new Array(2).fill([0, 1, 0, 0]));
});

test('gradients equal differences of the loss', () => {
  fc.assert(
    fc.property(cases, (c) => {
      tf.tidy(() => {
        // Elements that are 1 apart, so that no step changes which is the largest and the loss is linear.
        const next = random(c.seed);
        const order = noise(next, tf.util.sizeFromShape(c.shape));
        const ranks = order.map((value) => order.filter((other) => other < value).length);
        const x = tf.tensor(
          ranks.map((rank) => rank - ranks.length),
          c.shape,
        );
        const direction = draw(c.shape, c.seed + 1, 0.25);
        const weights = draw(pool(x, c).shape, c.seed + 2);
        const loss = (t: tf.Tensor): tf.Scalar => tf.sum(tf.mul(weights, pool(t, c)));
        const slope = values(tf.sum(tf.mul(tf.grad(loss)(x), direction)))[0]!;
        const change = tf.sub(pool(tf.add(x, direction), c), pool(tf.sub(x, direction), c));
        expect(slope).toBeCloseTo(values(tf.sum(tf.mul(weights, change)))[0]! / 2, 2);
      });
    }),
    { numRuns: 100, seed: 2 },
  );
});

test('100 gradients leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const once = () => gradient(samples[0]!);
  once();
  const heap = wasm.HEAPU8.length;
  expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
  expect(wasm.HEAPU8.length).toBe(heap);
});
