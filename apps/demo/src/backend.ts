import { isLinked } from '@tfjs-lrm/native/linked';
import { Mistake } from './mistake.ts';

/** Backends of the demo, the fastest first. */
export const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;

export type BackendName = (typeof BACKENDS)[number];

/** The fastest backend of this machine: TensorFlow where tfjs-node is linked, else wasm. */
export const bestBackend = (): BackendName => (isLinked() ? 'tensorflow' : 'wasm');

/** @throws Mistake when a backend is not there */
export function checkBackend(name: BackendName): void {
  if (name === 'tensorflow' && !isLinked()) {
    throw new Mistake(
      'the backend "tensorflow" is not there: tfjs-node is not linked to a TensorFlow. Run npm run native:link, or try --backend wasm.',
    );
  }
}
