import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';

const require = createRequire(import.meta.url);

/** Backends of the demo, the fastest first. */
export const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;

/** The fastest backend of this machine: TensorFlow where tfjs-node is installed and linked, else wasm. */
export function bestBackend(): (typeof BACKENDS)[number] {
  try {
    require.resolve('@tensorflow/tfjs-node');
  } catch {
    return 'wasm';
  }
  return 'tensorflow';
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
    require('@tensorflow/tfjs-node');
  } else {
    await import('@tensorflow/tfjs-backend-cpu');
  }
  if (!(await tf.setBackend(name))) throw new Error(`the backend "${name}" could not be started`);
  await tf.ready();
  enableTraining();
}
