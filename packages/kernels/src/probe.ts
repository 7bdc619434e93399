import {
  dispose,
  engine,
  findBackendFactory,
  grad,
  type KernelBackend,
  sum,
  type Tensor,
  type Tensor1D,
  tensor1d,
} from '@tensorflow/tfjs-core';
import type { Example } from './gradients/gradient.ts';
import { type CpuBackend, engineBackends } from './internals.ts';
import type { KernelExample } from './kernel-examples.ts';

/** Backends that return values synchronously and compile nothing first, fastest first. */
const SYNCHRONOUS = ['cpu', 'wasm', 'tensorflow'];
const TOLERANCE = 1e-3;

/**
 * Whether the registered gradients return what each example expects; null where no backend can tell synchronously,
 * because none is loaded, or only such as have to start or to compile first.
 */
export function areRight(examples: readonly Example[]): boolean[] | null {
  const name = SYNCHRONOUS.find(
    (name) => name in engineBackends().registry || (name === 'cpu' && findBackendFactory(name)),
  );
  const backend = name === undefined ? null : engine().findBackend(name);
  if (name === undefined || backend === null || engine().state.gradientDepth > 0) return null;
  return onBackend(name, backend, () => examples.map(isRight));
}

/**
 * Whether the kernels registered for a backend return what each example expects; null where it cannot tell
 * synchronously, because it has not started.
 */
export function areKernelsRight(
  name: string,
  examples: readonly KernelExample[],
): boolean[] | null {
  const isStarted = name in engineBackends().registry || name === 'cpu';
  const backend = isStarted && findBackendFactory(name) ? engine().findBackend(name) : null;
  if (backend === null || engine().state.gradientDepth > 0) return null;
  return onBackend(name, backend, () => examples.map(({ of, expected }) => isNear(expected, of)));
}

const isRight = ({ of, at, expected }: Example): boolean =>
  isNear(expected, () => grad((x) => sum(of(x as Tensor1D)))(tensor1d([...at])));

function isNear(expected: readonly number[], compute: () => Tensor): boolean {
  try {
    return engine().tidy(() => {
      const values = compute().dataSync();
      return (
        values.length === expected.length &&
        expected.every((value, i) => Math.abs(value - values[i]!) < TOLERANCE)
      );
    });
  } catch {
    disposeTape();
    return false;
  }
}

/** Where a gradient fails, tfjs keeps the tensors that it saved. */
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
