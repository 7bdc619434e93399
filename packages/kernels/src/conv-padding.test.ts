import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

const small = (max: number) => fc.integer({ min: 1, max });
const cases = fc.record({
  x: fc.tuple(fc.constantFrom(1, 2), small(9), small(9), fc.constantFrom(1, 3)),
  filter: fc.tuple(small(3), small(3)),
  outputs: fc.constantFrom(1, 2, 5),
  strides: fc.tuple(small(3), small(3)),
  seed: fc.nat(),
});
const samples = fc.sample(cases, { numRuns: 200, seed: 1 });
type Case = (typeof samples)[number];

const draw = (shape: [number, number, number, number], seed: number): tf.Tensor4D =>
  tf.tensor4d(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const operations: Record<string, (x: tf.Tensor4D, filter: tf.Tensor4D, c: Case) => tf.Tensor> = {
  conv2d: (x, filter, c) => tf.conv2d(x, filter, c.strides, 'same'),
  'fused.conv2d': (x, filter, { strides }) =>
    tf.fused.conv2d({ x, filter, strides, pad: 'same', activation: 'relu' }),
  depthwiseConv2d: (x, filter, c) => tf.depthwiseConv2d(x, filter, c.strides, 'same'),
  'fused.depthwiseConv2d': (x, filter, { strides }) =>
    tf.fused.depthwiseConv2d({ x, filter, strides, pad: 'same', activation: 'relu' }),
};

const compute = (name: string, c: Case): number[] =>
  tf.tidy(() => {
    const filter = draw([...c.filter, c.x[3], c.outputs], c.seed + 1);
    return values(operations[name]!(draw(c.x, c.seed), filter, c));
  });

test.each(Object.keys(operations))(
  '%s with padding same equals cpu for strides smaller and larger than the filter',
  async (name) => {
    const ours = samples.map((c) => compute(name, c));
    await useBackend('cpu');
    const cpu = samples.map((c) => compute(name, c));
    await useBackend('wasm');
    for (const [i, expected] of cpu.entries()) expectClose(ours[i]!, expected, 1e-5, 1);
  },
);

test('stock tfjs gives zeros for strides larger than the filter', () => {
  const filter = [1, 3] as [number, number];
  const c: Case = { x: [1, 4, 5, 1], filter, outputs: 1, strides: [2, 2], seed: 1 };
  expect(compute('conv2d', c).every((value) => value !== 0)).toBe(true);
  disableTraining();
  expect(compute('conv2d', c).every((value) => value === 0)).toBe(true);
});

test('100 convolutions leave no tensor', async () => {
  const c = samples.find(({ filter, strides }) => strides[0] > filter[0]) as Case;
  expect(await tensorsLeftBy(() => Array.from({ length: 100 }, () => compute('conv2d', c)))).toBe(
    0,
  );
});
