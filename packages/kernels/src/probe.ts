import {
  dispose,
  engine,
  findBackendFactory,
  grad,
  type KernelBackend,
  sum,
  type Tensor1D,
  tensor1d,
} from '@tensorflow/tfjs-core';
import type { Example } from './gradients/gradient.ts';
import { type CpuBackend, engineBackends } from './internals.ts';

/** Backends that give values at once and compile nothing before, the one that is quickest to ask first. */
const SYNCHRONOUS = ['cpu', 'wasm', 'tensorflow'];
const TOLERANCE = 1e-3;

/**
 * Whether the registered gradients give what each example expects; null where no backend can tell at once, since none
 * is loaded, or only such as have to start or to compile first.
 */
export function areRight(examples: readonly Example[]): boolean[] | null {
  const name = SYNCHRONOUS.find(
    (name) => name in engineBackends().registry || (name === 'cpu' && findBackendFactory(name)),
  );
  const backend = name === undefined ? null : engine().findBackend(name);
  if (name === undefined || backend === null || engine().state.gradientDepth > 0) return null;
  return onBackend(name, backend, () => examples.map(isRight));
}

function isRight({ of, at, expected }: Example): boolean {
  try {
    return engine().tidy(() => {
      const gradient = grad((x) => sum(of(x as Tensor1D)))(tensor1d([...at]));
      const values = gradient.dataSync();
      return expected.every((value, i) => Math.abs(value - values[i]!) < TOLERANCE);
    });
  } catch {
    disposeTape();
    return false;
  }
}

/** tfjs keeps what a gradient saved where one fails. */
function disposeTape(): void {
  const { state } = engine();
  for (const { saved } of state.activeTape ?? []) dispose(saved ?? []);
  state.activeTape = [];
}

/** The result of `action` while `backend` is the active one. */
function onBackend<T>(name: string, backend: KernelBackend, action: () => T): T {
  const active = engineBackends();
  const { backendName, backendInstance } = active;
  const { firstUse } = backend as CpuBackend;
  active.backendName = name;
  active.backendInstance = backend;
  (backend as CpuBackend).firstUse = false;
  try {
    return action();
  } finally {
    active.backendName = backendName;
    active.backendInstance = backendInstance;
    (backend as CpuBackend).firstUse = firstUse;
  }
}
