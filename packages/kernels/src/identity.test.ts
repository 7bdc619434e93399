import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

test.each(['float32', 'int32', 'bool'] as const)(
  'a clone of %s shares its data and outlives the original',
  (dtype) => {
    const before = tf.memory().numTensors;
    const original = tf.tensor([1, 0, 1], [3], dtype);
    const copy = tf.clone(original);
    expect(copy.dataId).toBe(original.dataId);
    expect(copy.id).not.toBe(original.id);
    original.dispose();
    expect(values(copy)).toEqual([1, 0, 1]);
    copy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  },
);

test('a clone equals its original, for any shape and type, as on cpu', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 1, 2, 5), { maxLength: 4 }),
      fc.constantFrom('float32' as const, 'int32' as const, 'bool' as const),
      fc.nat(),
      (shape, dtype, seed) => {
        tf.tidy(() => {
          const data = noise(random(seed), tf.util.sizeFromShape(shape), 9);
          const original = tf.tensor(
            dtype === 'float32' ? data : data.map(Math.trunc),
            shape,
            dtype,
          );
          const copy = tf.clone(original);
          expect([copy.shape, copy.dtype, values(copy)]).toEqual([shape, dtype, values(original)]);
        });
      },
    ),
    { numRuns: 100, seed: 1 },
  );
});

test('100 clones leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const once = () => tf.tidy(() => void tf.clone(tf.ones([64, 64])));
  once();
  const heap = wasm.HEAPU8.length;
  expect(await tensorsLeftBy(() => Array.from({ length: 100 }, once))).toBe(0);
  expect(wasm.HEAPU8.length).toBe(heap);
});

test('a stock clone copies', () => {
  disableTraining();
  const original = tf.tensor1d([1, 2]);
  const copy = tf.clone(original);
  expect(copy.dataId).not.toBe(original.dataId);
  tf.dispose([original, copy]);
});

test('a clone keeps its values when the variable it came from is assigned', () => {
  const variable = tf.variable(tf.tensor1d([1, 2]));
  const copy = tf.clone(variable);
  tf.tidy(() => variable.assign(tf.tensor1d([3, 4])));
  expect(values(copy)).toEqual([1, 2]);
  tf.dispose([variable, copy]);
});

test('strings are cloned as before', () => {
  const original = tf.tensor1d(['a', '🐋']);
  const copy = tf.clone(original);
  expect(copy.dataSync()).toEqual(['a', '🐋']);
  tf.dispose([original, copy]);
});

test('clones of one buffer under two shapes multiply rightly', () => {
  const right = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
  const turned = tf.clone(tf.reshape(right, [3, 2]));
  const wide = tf.matMul(tf.tensor2d([1, 1], [1, 2]), tf.clone(right));
  const tall = tf.matMul(tf.tensor2d([1, 1, 1], [1, 3]), turned);
  expect([values(wide), values(tall)]).toEqual([
    [5, 7, 9],
    [9, 12],
  ]);
  tf.dispose([right, turned, wide, tall]);
});

test('gradients of a model are those of the stock kernel', () => {
  const x = tf.tensor2d([0.5, -1, 2, 3, 0.1, -0.2], [2, 3]);
  const loss = (w: tf.Tensor) =>
    tf.sum(tf.square(tf.softmax(tf.matMul(x, w as tf.Tensor2D)))) as tf.Scalar;
  const gradient = () =>
    tf.tidy(() => values(tf.grad(loss)(tf.tensor2d([1, 2, 3, 4, 5, 7], [3, 2]))));
  const ours = gradient();
  disableTraining();
  const stock = gradient();
  ours.forEach((value, i) => {
    expect(value).toBeCloseTo(stock[i] as number, 6);
  });
  x.dispose();
});
