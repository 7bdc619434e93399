/**
 * The parts of tfjs that this package uses beyond its public types. A test names each one that the installed tfjs
 * lacks.
 */
import { engine, type KernelBackend } from '@tensorflow/tfjs-core';

/** The engine's choice of backend, which `tf.setBackend` changes only asynchronously. */
export interface EngineBackends {
  backendName: string | null;
  backendInstance: KernelBackend | null;
  /** The backends that have started. */
  readonly registry: Readonly<Record<string, KernelBackend>>;
}

export const engineBackends = (): EngineBackends => engine() as unknown as EngineBackends;

/** The cpu backend advertises the native one with the first tensor on Node, and notes that it did. */
export interface CpuBackend extends KernelBackend {
  firstUse: boolean;
}
