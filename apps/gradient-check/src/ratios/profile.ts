/** Where the time of a computation goes, kernel by kernel, on backends that compute before they return. */
import * as tf from '@tensorflow/tfjs-core';
import { cpuMs } from '@tfjs-lrm/shared';

/** A kernel's share of the time, and how often it runs; `between kernels` is tfjs' own work. */
export interface Share {
  readonly kernel: string;
  readonly share: number;
  readonly calls: number;
}

const RUNS = 5;

/** The kernels that take the most of the time of `run`, which they share without those that they call. */
export function sharesOfKernels(run: () => void): Share[] {
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  const times = new Map<string, number>();
  const calls = new Map<string, number>();
  let inner = 0;
  engine.runKernel = (name, inputs, attrs) => {
    const outer = inner;
    inner = 0;
    const began = cpuMs();
    try {
      return runKernel(name, inputs, attrs);
    } finally {
      const total = cpuMs() - began;
      times.set(name, (times.get(name) ?? 0) + total - inner);
      calls.set(name, (calls.get(name) ?? 0) + 1);
      inner = outer + total;
    }
  };
  const began = cpuMs();
  try {
    for (let i = 0; i < RUNS; i++) run();
  } finally {
    engine.runKernel = runKernel;
  }
  const total = cpuMs() - began;
  const rest = total - [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times, ['between kernels', rest] as const]
    .map(([kernel, time]) => ({
      kernel,
      share: time / total,
      calls: (calls.get(kernel) ?? 0) / RUNS,
    }))
    .toSorted((a, b) => b.share - a.share);
}

/** The first few in words: `MaxPoolGrad 93 %, Identity ×3 2 %`. */
export const describeShares = (shares: readonly Share[]): string =>
  shares
    .filter(({ share }) => share >= 0.05)
    .slice(0, 5)
    .map(({ kernel, share, calls }) => {
      const times = calls > 1 ? ` ×${calls}` : '';
      return `${kernel}${times} ${(100 * share).toFixed(0)} %`;
    })
    .join(', ');
