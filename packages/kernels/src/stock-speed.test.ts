import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
afterEach(disableTraining);

/** What stock tfjs computes rightly but slowly: the shapes of the inputs, and the attributes. */
const slow: readonly [string, Record<string, number[]>, object][] = [
  ['BatchMatMul', { a: [1, 256, 256], b: [1, 256, 256] }, { transposeA: false, transposeB: true }],
  [
    'Conv2DBackpropInput',
    { dy: [8, 14, 14, 64], filter: [3, 3, 64, 64] },
    { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', inputShape: [8, 14, 14, 64] },
  ],
  [
    'Conv3D',
    { x: [2, 8, 8, 8, 16], filter: [3, 3, 3, 16, 32] },
    { strides: [1, 1, 1], pad: 'same', dilations: [1, 1, 1] },
  ],
  ['Reverse', { x: [2048, 2, 64] }, { dims: [1] }],
];

test.each(slow)('stock tfjs takes more than twice as long for %s', (name, shapes, attrs) => {
  const inputs = Object.fromEntries(
    Object.entries(shapes).map(([key, shape]) => [key, tf.randomNormal(shape)]),
  );
  const once = (): number => {
    const began = performance.now();
    tf.dispose(tf.engine().runKernel(name, inputs, attrs as never));
    return performance.now() - began;
  };
  const fastest = { stock: Number.POSITIVE_INFINITY, ours: Number.POSITIVE_INFINITY };
  for (let i = 0; i < 10; i++) {
    disableTraining();
    fastest.stock = Math.min(fastest.stock, once());
    enableTraining();
    fastest.ours = Math.min(fastest.ours, once());
  }
  tf.dispose(inputs);
  expect(fastest.stock / fastest.ours).toBeGreaterThan(2);
});
