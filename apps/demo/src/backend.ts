import type { Compile } from '@tfjs-lrm/language-model';
import { isLinked } from '@tfjs-lrm/native/linked';
import { Mistake } from '@tfjs-lrm/shared';

/** Backends of the demo, the fastest first. */
export const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;

export type BackendName = (typeof BACKENDS)[number];

/** The fastest backend of this machine: TensorFlow where tfjs-node is linked, else wasm. */
export const bestBackend = (): BackendName => (isLinked() ? 'tensorflow' : 'wasm');

/**
 * How a step runs for `--compile`: by itself compiled wherever that can be.
 *
 * @throws Mistake where a backend cannot compile
 */
export function compileFor(asked: Compile | 'auto', backend: BackendName): Compile {
  if (asked === 'auto') return backend === 'tensorflow' ? 'graph' : 'off';
  if (asked !== 'off' && backend !== 'tensorflow') {
    throw new Mistake(
      `--compile ${asked} needs the backend tensorflow, and this is ${backend}. Try --compile auto.`,
    );
  }
  return asked;
}

/** @throws Mistake when a backend is not there */
export function checkBackend(name: BackendName): void {
  if (name === 'tensorflow' && !isLinked()) {
    throw new Mistake(
      'the backend "tensorflow" is not there: tfjs-node is not linked to a TensorFlow. Run npm run native:link, or try --backend wasm.',
    );
  }
}
