// This file must not load the wasm backend: vitest runs each file in a process of its own.
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { disableTraining, enableTraining } from './index.ts';

test('in a process without the wasm backend, enabling works, and disabling brings back every kernel', () => {
  expect(tf.findBackendFactory('wasm')).toBeFalsy();
  const before = tf.getKernelsForBackend('cpu');
  enableTraining();
  expect(tf.getKernelsForBackend('wasm')).toEqual([]);
  disableTraining();
  expect(new Set(tf.getKernelsForBackend('cpu'))).toEqual(new Set(before));
});
