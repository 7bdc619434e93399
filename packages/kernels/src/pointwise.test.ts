import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import { pointwise } from './pointwise.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

const draw = (shape: [number, number, number, number], seed: number): tf.Tensor4D =>
  tf.tensor4d(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const STRIDES = [1, 2];
const PADS = ['same', 'valid', 0, 1] as const;

/** Outputs and gradients of convolutions of one element, in every combination of options. */
const convolutions = (): number[][] =>
  STRIDES.flatMap((strides) =>
    PADS.map((pad) =>
      tf.tidy(() => {
        const [x, filter] = [draw([2, 5, 7, 3], 1), draw([1, 1, 3, 9], 2)];
        const convolution = (x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor =>
          tf.conv2d(x, filter, strides, pad);
        const y = convolution(x, filter);
        const loss = (x: tf.Tensor, filter: tf.Tensor): tf.Scalar =>
          tf.sum(tf.mul(convolution(x as tf.Tensor4D, filter as tf.Tensor4D), tf.sin(y)));
        return [y, ...tf.grads(loss)([x, filter])].flatMap((tensor) => [
          ...tensor.shape,
          ...values(tensor),
        ]);
      }),
    ),
  );

test('convolutions of one element and their gradients equal those of cpu, with any stride and padding', async () => {
  const ours = convolutions();
  await useBackend('cpu');
  const expected = convolutions();
  await useBackend('wasm');
  for (const [i, numbers] of expected.entries()) expectClose(ours[i]!, numbers, 1e-5, 1);
});

test('fused ones add a bias, and apply an activation', () => {
  tf.tidy(() => {
    const [x, filter] = [draw([2, 5, 7, 3], 1), draw([1, 1, 3, 9], 2)];
    const bias = tf.tensor1d(noise(random(3), 9));
    const sum = tf.add(tf.conv2d(x, filter, 1, 'same'), bias);
    const options = { x, filter, strides: 1, pad: 'same', bias } as const;
    expectClose(values(tf.fused.conv2d(options)), values(sum), 1e-6, 1);
    const rectified = tf.fused.conv2d({ ...options, activation: 'relu' });
    expectClose(values(rectified), values(tf.relu(sum)), 1e-6, 1);
  });
});

test('only a filter of one element, at every position, is a product', () => {
  const general = vi.fn();
  const kernel = pointwise(general);
  const x = { shape: [1, 4, 4, 2] };
  for (const [filterShape, attrs] of [
    [[1, 2, 2, 3], { strides: 1, pad: 'same' }],
    [[2, 1, 2, 3], { strides: 1, pad: 'same' }],
    [[1, 1, 2, 3], { strides: [1, 2], pad: 'same' }],
    [[1, 1, 2, 3], { strides: [2, 1], pad: 'same' }],
    [[1, 1, 2, 3], { strides: 1, pad: 1 }],
    [[1, 1, 2, 3], { strides: 1, pad: 'same', dataFormat: 'NCHW' }],
    [[1, 1, 2, 3], { strides: 1, pad: 'same', activation: 'relu' }],
  ] as const) {
    general.mockClear();
    const inputs = { x, filter: { shape: filterShape } };
    kernel({ inputs, attrs, backend: tf.backend() } as never);
    expect([filterShape, attrs, general.mock.calls.length]).toEqual([filterShape, attrs, 1]);
  }
});

test('80 convolutions and their gradients leave no tensor', async () => {
  expect(await tensorsLeftBy(() => Array.from({ length: 10 }, convolutions))).toBe(0);
});
