import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Mistake } from './mistake.ts';

const require = createRequire(import.meta.url);

/** Backends of the demo, the fastest first. */
export const BACKENDS = ['tensorflow', 'wasm', 'cpu'] as const;

export type BackendName = (typeof BACKENDS)[number];

/** Why a backend cannot be had on this machine, or null. TensorFlow is tried in a process of its own. */
export function missing(name: BackendName): string | null {
  if (name !== 'tensorflow') return null;
  let path: string;
  try {
    path = require.resolve('@tensorflow/tfjs-node');
  } catch {
    return '@tensorflow/tfjs-node is not installed';
  }
  const { status } = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(path)})`], {
    stdio: 'ignore',
  });
  return status === 0 ? null : '@tensorflow/tfjs-node is installed but does not load';
}

/** The fastest backend of this machine: TensorFlow where tfjs-node is installed and loads, else wasm. */
export const bestBackend = (): BackendName =>
  BACKENDS.find((name) => missing(name) === null) as BackendName;

/** @throws Mistake when a backend is not there */
export function checkBackend(name: BackendName): void {
  const reason = missing(name);
  if (reason !== null)
    throw new Mistake(
      `the backend "${name}" is not there: ${reason}. Try --backend ${bestBackend()}.`,
    );
}
