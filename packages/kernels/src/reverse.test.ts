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

const cases = fc
  .record({
    shape: fc.array(fc.constantFrom(0, 1, 2, 3, 5, 16), { minLength: 1, maxLength: 4 }),
    axes: fc.array(fc.nat(3), { maxLength: 4 }),
    dtype: fc.constantFrom('float32' as const, 'int32' as const, 'bool' as const),
    seed: fc.nat(),
  })
  .map(({ axes, ...rest }) => ({
    ...rest,
    // From the front and from the back.
    axes: [...new Set(axes.map((axis) => axis % rest.shape.length))].map((axis, i) =>
      i % 2 === 0 ? axis : axis - rest.shape.length,
    ),
  }));

test('what is reversed equals its definition exactly, for any rank, axes and dtype', () => {
  fc.assert(
    fc.property(cases, ({ shape, axes, dtype, seed }) => {
      tf.tidy(() => {
        const size = tf.util.sizeFromShape(shape);
        const x = tf.cast(
          tf.tensor(
            noise(random(seed), size).map((v) => 4 * v),
            shape,
          ),
          dtype,
        );
        const reversed = tf.reverse(x, axes);
        expect([reversed.dtype, reversed.shape]).toEqual([dtype, shape]);
        const strides = [...tf.util.computeStrides(shape), 1];
        const turned = axes.map((axis) => (axis + shape.length) % shape.length);
        const given = values(x);
        const expected = Array.from({ length: size }, (_, at) => {
          let source = 0;
          let rest = at;
          shape.forEach((length, axis) => {
            const stride = strides[axis] as number;
            const i = Math.floor(rest / stride);
            rest %= stride;
            source += (turned.includes(axis) ? length - 1 - i : i) * stride;
          });
          return given[source];
        });
        expect(values(reversed)).toEqual(expected);
      });
    }),
    { numRuns: 300, seed: 1 },
  );
});

test('its gradient is the reversal of the gradient', () => {
  tf.tidy(() => {
    const x = tf.randomNormal([3, 4, 2], 0, 1, 'float32', 1);
    const weights = tf.randomNormal([3, 4, 2], 0, 1, 'float32', 2);
    const gradient = tf.grad((y) => tf.sum(tf.mul(tf.reverse(y, [0, 1]), weights)))(x);
    expect(values(gradient)).toEqual(values(tf.reverse(weights, [0, 1])));
  });
});

test('200 reversals leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const once = () => tf.tidy(() => void tf.reverse(tf.ones([64, 2, 64]), 1));
  once();
  const heap = wasm.HEAPU8.length;
  expect(await tensorsLeftBy(() => Array.from({ length: 200 }, once))).toBe(0);
  expect(wasm.HEAPU8.length).toBe(heap);
});
