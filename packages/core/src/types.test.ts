import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { byRole, describeRoles, setRole } from './index.ts';

onCpu(() => {
  test.each([
    // @ts-expect-error no such role
    ['an unknown role', () => setRole(tf.variable(tf.zeros([1])), 'bias')],
    // @ts-expect-error no such group
    ['an unknown group', () => byRole({ kernels: tf.train.sgd(1), default: tf.train.sgd(1) })],
    // @ts-expect-error a default is needed
    ['no default', () => byRole({ matrix: tf.train.sgd(1) })],
    // @ts-expect-error a model, or variables
    ['a number', () => describeRoles(5)],
  ])('the compiler and core refuse: %s', (_, attempt) => {
    expect(attempt).toThrow(/^(setRole|byRole|describeRoles)/);
  });
});
