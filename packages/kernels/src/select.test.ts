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

const cases = fc.record({
  shape: fc.array(fc.constantFrom(0, 1, 2, 3, 7), { maxLength: 4 }),
  dtype: fc.constantFrom('bool' as const, 'bool' as const, 'int32' as const, 'float32' as const),
  seed: fc.nat(),
});

test('where equals its definition, for any shape and type', () => {
  fc.assert(
    fc.property(cases, ({ shape, dtype, seed }) => {
      tf.tidy(() => {
        const next = random(seed);
        const draw = (type: typeof dtype): tf.Tensor => {
          const data = noise(next, tf.util.sizeFromShape(shape), 9);
          return tf.tensor(
            data.map(type === 'bool' ? (x) => Number(x > 0) : Math.trunc),
            shape,
            type,
          );
        };
        const [condition, t, e] = [draw('bool'), draw(dtype), draw(dtype)];
        const out = tf.where(condition, t, e);
        const [ofT, ofE] = [values(t), values(e)];
        expect([out.dtype, out.shape]).toEqual([dtype, shape]);
        expect(values(out)).toEqual(values(condition).map((holds, i) => (holds ? ofT[i] : ofE[i])));
      });
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('stock tfjs takes the bytes of bools by fours', () => {
  const mixed = () =>
    tf.tidy(() => {
      const condition = tf.tensor1d([true, false, true, false], 'bool');
      return values(tf.where(condition, tf.onesLike(condition), tf.zerosLike(condition)));
    });
  expect(mixed()).toEqual([1, 0, 1, 0]);
  disableTraining();
  expect(mixed()).toEqual([1, 1, 1, 1]);
});

test('5000 causal masks, which stock tfjs ends in memory errors, leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const once = () => tf.tidy(() => void tf.linalg.bandPart(tf.ones([1, 7, 7], 'bool'), -1, 0));
  once();
  const heap = wasm.HEAPU8.length;
  expect(await tensorsLeftBy(() => Array.from({ length: 5000 }, once))).toBe(0);
  expect(wasm.HEAPU8.length).toBe(heap);
});
