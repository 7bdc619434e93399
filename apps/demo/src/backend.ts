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

/** @throws Mistake when so many processes cannot share the batches of a run */
export function checkWorkers(
  workers: number,
  backend: BackendName,
  compile: Compile,
  batch: number,
): void {
  if (workers === 1) return;
  if (backend !== 'tensorflow')
    throw new Mistake(
      `--workers ${workers} needs the backend tensorflow, and this is ${backend}. Run npm run native:link, or leave it out.`,
    );
  if (compile === 'xla')
    throw new Mistake(
      '--workers does not go with --compile xla, which lacks operations between processes. Try --compile graph.',
    );
  if (batch % workers !== 0)
    throw new Mistake(
      `--batch must be a multiple of --workers. Received --batch ${batch} and --workers ${workers}. Try --batch ${Math.ceil(batch / workers) * workers}.`,
    );
}
