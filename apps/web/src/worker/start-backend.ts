import * as tf from '@tensorflow/tfjs-core';
import { enableTraining, trainingThreads } from '@tfjs-lrm/kernels';
import { Mistake } from '@tfjs-lrm/shared/portable';
import type { Machine } from './messages.ts';

async function loadWasm(): Promise<void> {
  const [wasm, { default: plain }, { default: simd }] = await Promise.all([
    import('@tensorflow/tfjs-backend-wasm'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url'),
    import('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url'),
  ]);
  const paths = {
    'tfjs-backend-wasm.wasm': plain,
    'tfjs-backend-wasm-simd.wasm': simd,
    // Never loaded, but tfjs wants an address of each of its builds.
    'tfjs-backend-wasm-threaded-simd.wasm': simd,
  };
  // The threads are those of enableTraining, which compute the bits of one and need no other build of tfjs. It gives
  // memory that threads share to a module that tfjs compiles from bytes, and not while they arrive.
  wasm.setWasmPaths(paths, true);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
}

const LOAD: Readonly<Record<string, () => Promise<unknown>>> = {
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
  await LOAD[name]?.();
  // Otherwise tfjs recommends another backend than cpu, which nobody asked about.
  tf.env().set('PROD', true);
  const isWasm = name === 'wasm';
  enableTraining({ threads: isWasm ? threads : 1 });
  const isStarted = await tf.setBackend(name).catch(() => false);
  if (!isStarted)
    throw new Mistake(
      `this browser does not start ${name}. Choose another backend in the settings.`,
    );
  await tf.ready();
  return {
    backend: name,
    isSimd: isWasm && (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) === true,
    ...trainingThreads(),
  };
}
