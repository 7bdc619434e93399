import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { withWeightDecay } from './index.ts';

const inner = (): tf.Optimizer => tf.train.adam(1e-3);

onCpu(() => {
  test.each([
    // @ts-expect-error an option that there is not
    ['weightDecay', () => withWeightDecay(inner(), { weightDecay: 0.1 })],
    // @ts-expect-error no such role
    ['an unknown role', () => withWeightDecay(inner(), { decay: { kernels: 0.1 } })],
    // @ts-expect-error no such coupling
    ['an unknown coupling', () => withWeightDecay(inner(), { coupling: 'none' })],
    // @ts-expect-error true or false
    ['a number for a switch', () => withWeightDecay(inner(), { cautious: 1 })],
  ])('the compiler and withWeightDecay refuse: %s', (_, attempt) => {
    expect(attempt).toThrow(/^withWeightDecay/);
  });
});
