import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { Mistake } from '@tfjs-lrm/shared';

/**
 * Loads a backend and makes it the current one.
 *
 * @throws Mistake, which names the backend, when it does not start
 */
export async function useBackend(name: string): Promise<void> {
  if (name === 'wasm') {
    await import('@tensorflow/tfjs-backend-wasm');
  } else if (name === 'tensorflow') {
    await import('@tfjs-lrm/native');
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
    // Otherwise tfjs recommends another backend, which nobody asked about.
    tf.env().set('PROD', true);
  }
  if (!(await tf.setBackend(name))) throw new Mistake(`the backend "${name}" does not start.`);
  await tf.ready();
  enableTraining();
}
