/** Where the time of a step on wasm goes: the share of each kernel, and of tfjs' work between kernels. */
import * as tf from '@tensorflow/tfjs-core';
import { enableTraining } from '@tfjs-lrm/kernels';
import { PROFILED, type Side } from './comparisons.ts';
import { makeStep, type Step } from './workloads.ts';

const STEPS = { warmUp: 5, measured: 20 };

/** Milliseconds in each kernel, not counting the kernels that it calls. */
class Stopwatch {
  readonly times: Map<string, number> = new Map<string, number>();
  #inner = 0;

  time<T>(name: string, action: () => T): T {
    const outerInner = this.#inner;
    this.#inner = 0;
    const began = performance.now();
    try {
      return action();
    } finally {
      const total = performance.now() - began;
      this.times.set(name, (this.times.get(name) ?? 0) + total - this.#inner);
      this.#inner = outerInner + total;
    }
  }
}

/** Replaces every kernel of the backend by one that is timed. */
function timeKernels(backendName: string, watch: Stopwatch): void {
  for (const config of tf.getKernelsForBackend(backendName)) {
    const { kernelName, kernelFunc } = config;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      ...config,
      kernelFunc: (call) => watch.time(kernelName, () => kernelFunc(call)),
    });
  }
}

async function sharesOf(step: Step, watch: Stopwatch): Promise<[string, number][]> {
  for (let i = 0; i < STEPS.warmUp; i++) await step();
  watch.times.clear();
  const began = performance.now();
  for (let i = 0; i < STEPS.measured; i++) await step();
  const total = performance.now() - began;
  const rest = total - [...watch.times.values()].reduce((sum, ms) => sum + ms, 0);
  const all: [string, number][] = [...watch.times, ['between kernels', rest]];
  return all.map(([name, ms]): [string, number] => [name, ms / total]).sort((a, b) => b[1] - a[1]);
}

/** Prints the shares for each workload. */
export async function profile(preset: string): Promise<void> {
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  enableTraining();
  const watch = new Stopwatch();
  timeKernels('wasm', watch);
  console.log(`\nshares of a step on wasm, ${STEPS.measured} steps`);
  for (const side of PROFILED as readonly Side[]) {
    const shares = await sharesOf(
      await makeStep({ ...side, options: { ...side.options, preset } }),
      watch,
    );
    const shown = shares.filter(([, share]) => share >= 0.02);
    const others = 1 - shown.reduce((sum, [, share]) => sum + share, 0);
    console.log(
      `${side.label}: ${[...shown, ['others', others] as const]
        .map(([name, share]) => `${name} ${(100 * share).toFixed(0)} %`)
        .join(', ')}`,
    );
  }
}
