import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { isLinked } from '@tfjs-lrm/native/linked';

/** Backends of the demo, the fastest first. */
export const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;

/** The fastest backend of this machine: TensorFlow where tfjs-node is linked, else wasm. */
export function bestBackend(): (typeof BACKENDS)[number] {
  return isLinked() ? 'tensorflow' : 'wasm';
}

/**
 * Loads a backend and makes it the current one.
 *
 * @throws Error naming the backend when it is not there
 */
export async function useBackend(name: string): Promise<void> {
  if (name === 'wasm') {
    await import('@tensorflow/tfjs-backend-wasm');
  } else if (name === 'tensorflow') {
    // Runs go side by side, one a core; and with one thread, a run repeats bit for bit.
    process.env['TF_NUM_INTRAOP_THREADS'] ??= '1';
    await import('@tfjs-lrm/native');
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
  }
  if (!(await tf.setBackend(name))) throw new Error(`the backend "${name}" could not be started`);
  await tf.ready();
  enableTraining();
}
