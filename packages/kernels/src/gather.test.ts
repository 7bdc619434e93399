import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

/** Element by element, along `axis` of x [first, second, third]. */
function define(shape: [number, number, number], axis: 0 | 1 | 2, indices: number[]): number[] {
  const all = [...Array(shape[0] * shape[1] * shape[2]).keys()];
  const out: [number, number, number] = [...shape];
  out[axis] = indices.length;
  const result: number[] = [];
  for (let i = 0; i < out[0]; i++)
    for (let j = 0; j < out[1]; j++)
      for (let k = 0; k < out[2]; k++) {
        const at = [i, j, k];
        at[axis] = indices[at[axis]!]!;
        result.push(all[(at[0]! * shape[1] + at[1]!) * shape[2] + at[2]!]!);
      }
  return result;
}

const range = (shape: number[], dtype: 'float32' | 'int32' = 'float32'): tf.Tensor =>
  tf.reshape(tf.range(0, tf.util.sizeFromShape(shape), 1, dtype), shape);

test.each([
  [[4, 3, 40], 0],
  [[4, 3, 40], 1],
  [[2, 3, 5], 0],
  [[2, 3, 5], 2],
  [[3, 1, 16], 0],
] as const)('of %j along axis %i, long and short pieces', (shape, axis) => {
  tf.tidy(() => {
    const indices = [1, 0, 1, shape[axis] - 1];
    for (const dtype of ['float32', 'int32'] as const) {
      const gathered = tf.gather(range([...shape], dtype), tf.tensor1d(indices, 'int32'), axis);
      expect(gathered.dtype).toBe(dtype);
      expect(values(gathered)).toEqual(define([...shape], axis, indices));
    }
  });
});

test('long pieces are not left to the stock kernel, and a place that is none is refused', () => {
  disableTraining();
  const stock = vi.spyOn(tf.getKernel('GatherV2', 'wasm'), 'kernelFunc');
  enableTraining();
  tf.tidy(() => {
    tf.gather(range([4, 16]), [1, 2]);
    expect(stock).not.toHaveBeenCalled();
    tf.gather(range([4, 15]), [1, 2]);
    expect(stock).toHaveBeenCalledOnce();
    expect(() => tf.gather(range([4, 16]), [4])).toThrow('4 is not in [0, 3]');
  });
  stock.mockRestore();
});
