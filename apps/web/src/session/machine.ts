/** Which backend this browser should use, and why. */
import type { Choices } from './choices.ts';

export interface Plan {
  readonly backend: string;
  /** Of each model. */
  readonly threads: number;
  /** In a sentence. */
  readonly why: string;
}

const MOST_THREADS = 4;

/** Browsers have moved this from the adapter to its info. */
interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean };
}

/** A graphics processor that webgpu reaches, and that is not emulated. */
async function hasWebgpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } };
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return false;
  return !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false);
}

function wasmThreads(asked: number): { threads: number; why: string } {
  const cores = navigator.hardwareConcurrency || 1;
  if (!crossOriginIsolated)
    return {
      threads: 1,
      why: 'one thread for each model, since this page is not isolated from other origins, without which a browser shares no memory between threads',
    };
  const threads = asked || Math.max(1, Math.min(MOST_THREADS, Math.floor(cores / 2)));
  return {
    threads,
    why:
      threads === 1
        ? `one thread for each model, on ${cores} cores`
        : `${threads} threads for each model, on ${cores} cores`,
  };
}

/** What to train on. */
export async function planMachine({ backend, threads: asked }: Choices): Promise<Plan> {
  if (backend === 'webgpu' || (backend === 'auto' && (await hasWebgpu())))
    return {
      backend: 'webgpu',
      threads: 1,
      why:
        backend === 'auto'
          ? 'the graphics processor computes, since this browser has webgpu'
          : 'you asked for it',
    };
  if (backend === 'webgl' || backend === 'cpu')
    return { backend, threads: 1, why: 'you asked for it' };
  const { threads, why } = wasmThreads(asked);
  const reason =
    backend === 'auto' ? 'this browser offers no graphics processor by webgpu' : 'you asked for it';
  return { backend: 'wasm', threads, why: `${reason}; ${why}` };
}
