import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { Mistake } from '@tfjs-lrm/shared/portable';
import type { Machine } from './messages.ts';

async function loadWasm(threads: number): Promise<void> {
  const [wasm, { default: plain }, { default: simd }, { default: threaded }] = await Promise.all([
    import('@tensorflow/tfjs-backend-wasm'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url'),
  ]);
  wasm.setWasmPaths({
    'tfjs-backend-wasm.wasm': plain,
    'tfjs-backend-wasm-simd.wasm': simd,
    'tfjs-backend-wasm-threaded-simd.wasm': threaded,
  });
  if (threads > 1) wasm.setThreadsCount(threads);
  // One thread needs no shared memory and no workers.
  else tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
}

const LOAD: Readonly<Record<string, (threads: number) => Promise<unknown>>> = {
  wasm: loadWasm,
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  webgl: () => import('@tensorflow/tfjs-backend-webgl'),
  cpu: () => import('@tensorflow/tfjs-backend-cpu'),
};

/**
 * Loads a backend and makes it the current one, with what it lacks for training.
 *
 * @throws Mistake when this browser does not start it
 */
export async function startBackend(name: string, threads: number): Promise<Machine> {
  await LOAD[name]?.(threads);
  // Otherwise tfjs recommends another backend than cpu, which nobody asked about.
  tf.env().set('PROD', true);
  const isStarted = await tf.setBackend(name).catch(() => false);
  if (!isStarted)
    throw new Mistake(
      `this browser does not start ${name}. Choose another backend in the settings.`,
    );
  await tf.ready();
  enableTraining();
  const isWasm = name === 'wasm';
  return {
    backend: name,
    isSimd: isWasm && (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) === true,
    threads: isWasm ? threads : 1,
  };
}
