/** Runs a suite on every backend of this machine: cpu, wasm, and tensorflow where tfjs-node is linked. */
import '@tensorflow/tfjs-backend-cpu';
// tfjs registers gradients only when its layers are imported.
import '@tensorflow/tfjs-layers';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe } from 'vitest';

export type Backend = 'cpu' | 'wasm' | 'tensorflow';
export const backends: readonly Backend[] = [
  'cpu',
  'wasm',
  ...(isLinked() ? ['tensorflow' as const] : []),
];

const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
setWasmPaths(`${dirname(wasm)}/`);

/** One thread, so that results are the same bit for bit, and quick beside other test files. */
async function loadTensorFlow(): Promise<void> {
  process.env['TF_NUM_INTRAOP_THREADS'] ??= '1';
  process.env['TF_NUM_INTEROP_THREADS'] ??= '1';
  await import('@tfjs-lrm/native');
}

export async function useBackend(backend: Backend): Promise<void> {
  if (backend === 'tensorflow') await loadTensorFlow();
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  // The first tensor on cpu advertises the native backend, in every test file, unless tfjs tests itself.
  tf.env().set('IS_TEST', true);
  tf.scalar(0).dispose();
  tf.env().set('IS_TEST', false);
}

/** The suite once a backend. */
export function eachBackend(suite: (backend: Backend) => void): void {
  describe.each(backends)('on %s', (backend) => {
    beforeAll(() => useBackend(backend));
    suite(backend);
  });
}

/** The suite on cpu alone: for what does not depend on the backend, and for equality bit for bit. */
export function onCpu(suite: () => void): void {
  describe('on cpu', () => {
    beforeAll(() => useBackend('cpu'));
    suite();
  });
}
