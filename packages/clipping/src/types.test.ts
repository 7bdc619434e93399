import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { withClipping } from './index.ts';

const inner = (): tf.Optimizer => tf.train.adam(1e-3);

onCpu(() => {
  test.each([
    // @ts-expect-error an option that there is not
    ['globalnorm', () => withClipping(inner(), { globalnorm: 1 })],
    // @ts-expect-error a norm is a number
    ['a string', () => withClipping(inner(), { globalNorm: '1' })],
    // @ts-expect-error no such role
    ['an unknown role', () => withClipping(inner(), { globalNorm: 1, exclude: 'multipliers' })],
    // @ts-expect-error no such way
    ['an unknown way', () => withClipping(inner(), { globalNorm: 1, nonFinite: 'ignore' })],
    // @ts-expect-error an optimizer comes first
    ['no optimizer', () => withClipping({ globalNorm: 1 }, {})],
  ])('the compiler and withClipping refuse: %s', (_, attempt) => {
    expect(attempt).toThrow(/^withClipping/);
  });
});
