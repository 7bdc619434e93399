import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

test('equals slices of the input, for any shape, axis and type', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(1, 2, 3, 5, 17), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.constantFrom('float32' as const, 'int32' as const, 'bool' as const),
      fc.nat(),
      (shape, anyAxis, anyIds, dtype, seed) => {
        tf.tidy(() => {
          const axis = anyAxis % shape.length;
          const ids = anyIds.map((id) => id % shape[axis]!);
          const data = noise(random(seed), tf.util.sizeFromShape(shape), 9);
          const x = tf.tensor(dtype === 'float32' ? data : data.map(Math.trunc), shape, dtype);
          const actual = tf.gather(x, tf.tensor1d(ids, 'int32'), axis);
          expect(actual.dtype).toBe(dtype);
          expect(actual.shape).toEqual(shape.map((size, i) => (i === axis ? ids.length : size)));
          if (ids.length === 0) return;
          const begin = (id: number) => shape.map((_, i) => (i === axis ? id : 0));
          const size = shape.map((side, i) => (i === axis ? 1 : side));
          const slices = ids.map((id) => tf.slice(x, begin(id), size));
          expect(values(actual)).toEqual(values(tf.concat(slices, axis)));
        });
      },
    ),
    { numRuns: 80, seed: 1 },
  );
});

test.each([
  [3, [[0, 3]]],
  [-1, [[-1, 0]]],
])('the index %i is refused, and leaves nothing behind', async (index, ids) => {
  const x = tf.ones([3, 2]);
  const indices = tf.tensor2d(ids, [1, 2], 'int32');
  const left = await tensorsLeftBy(() => {
    tf.tidy(() => {
      expect(() => tf.gather(x, indices)).toThrow(`the index value ${index} is not in [0, 2]`);
    });
  });
  expect(left).toBe(0);
  tf.dispose([x, indices]);
});
