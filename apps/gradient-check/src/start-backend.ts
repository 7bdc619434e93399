/** Starts the backends that Node has. */
import '@tensorflow/tfjs-backend-cpu';
// For the chained operations that some of tfjs' own gradients use; importing the union package registers them.
import '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import type { Backend } from './backends.ts';

export async function startBackend(backend: Backend): Promise<void> {
  const wasm = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${dirname(wasm)}/`);
  if (backend === 'tensorflow') {
    process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
    await import('@tfjs-lrm/native');
  }
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
}

/** A wasm backend with a heap of its own, so that a kernel that writes where it must not harms no other case. */
export async function renewHeap(): Promise<void> {
  const factory = tf.findBackendFactory('wasm')!;
  await tf.setBackend('cpu');
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', factory, 2);
  await tf.setBackend('wasm');
}
