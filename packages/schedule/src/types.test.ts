import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { chain, constant, cosine, linear, warmupStableDecay, withSchedule } from './index.ts';

onCpu(() => {
  test.each([
    // @ts-expect-error a schedule, not a rate
    ['a number', () => withSchedule(tf.train.adam(1e-3), 0.1)],
    // @ts-expect-error an option that there is not
    ['step', () => cosine({ step: 10 })],
    // @ts-expect-error steps are needed
    ['nothing', () => linear({})],
    // @ts-expect-error no such shape
    ['a shape', () => warmupStableDecay({ warmup: 1, stable: 1, decay: 1, shape: 'square' })],
    // @ts-expect-error parts, not schedules
    ['bare schedules', () => chain([constant()])],
  ])('the compiler and the schedules refuse: %s', (_, attempt) => {
    expect(attempt).toThrow(/^(withSchedule|cosine|linear|warmupStableDecay|chain)/);
  });
});
