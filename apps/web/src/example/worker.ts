/** Runs the README's example, and reports what it prints. */

import { example } from 'virtual:readme-example';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { env } from '@tensorflow/tfjs-core';

export type Said = { readonly line: string } | { readonly error: string | null };

const send = (said: Said): void => postMessage(said);

console.log = (...words: unknown[]) => send({ line: words.join(' ') });
env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
setWasmPaths({
  'tfjs-backend-wasm.wasm': plain,
  'tfjs-backend-wasm-simd.wasm': simd,
  // Never loaded, but tfjs wants an address of each of its builds.
  'tfjs-backend-wasm-threaded-simd.wasm': simd,
});
example().then(
  () => send({ error: null }),
  (error: unknown) => send({ error: (error as Error).message }),
);
