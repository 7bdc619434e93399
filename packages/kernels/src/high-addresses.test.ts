/** A heap of more than 2 GiB, whose upper addresses C++ returns as negative numbers. */
import * as tf from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import { kernelExamples } from './kernel-examples.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';

const GIB = 2 ** 30;
const wasmBackend = (): WasmBackend => tf.backend() as unknown as WasmBackend;
let reserved = 0;

beforeAll(async () => {
  await useBackend('wasm');
  // Never written to, so that it takes addresses but no memory.
  reserved = wasmBackend().wasm._malloc(2 * GIB - 1024);
  expect(reserved).not.toBe(0);
  enableTraining();
});
afterAll(() => {
  disableTraining();
  wasmBackend().wasm._free(reserved);
});

const random4d = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

test('tensors lie above 2 GiB', () => {
  const address = tf.tidy(() => addressOf(wasmBackend(), tf.zeros([300_000])));
  expect(address).toBeGreaterThan(2 * GIB);
});

test.each(Object.entries(kernelExamples['wasm'] as (typeof kernelExamples)[string]))(
  '%s is right',
  (_, { of, expected }) => {
    expect(tf.tidy(() => values(of()))).toEqual(expected);
  },
);

test('products and gradients of convolutions equal those of cpu', async () => {
  const gradients = (): number[][] =>
    tf.tidy(() => {
      const [image, filter] = [random4d([2, 9, 8, 3], 1), random4d([3, 3, 3, 4], 2)];
      const [left, right] = [random4d([2, 3, 512, 5], 3), random4d([2, 3, 512, 6], 4)];
      const convolution = tf.grads((x, w) =>
        tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same'))),
      );
      const depthwise = tf.grads((x, w) =>
        tf.sum(tf.square(tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'))),
      );
      // Large enough for our own module.
      const [input, dy] = [random4d([300, 97], 5), random4d([300, 65], 6)];
      const product = tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a, b, true, false))));
      return [
        ...convolution([image, filter]),
        ...depthwise([image, filter]),
        ...product([left, right]),
        ...product([input, dy]),
      ].map(values);
    });
  const here = gradients();
  await useBackend('cpu');
  const expected = gradients();
  await useBackend('wasm');
  here.forEach((gradient, i) => {
    expectClose(gradient, expected[i] as number[], 1e-4, 1);
  });
});
