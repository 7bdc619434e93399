/** One side of a comparison, in its own process, which measures a round on request and sleeps otherwise. */
import * as tf from '@tensorflow/tfjs-core';
import { cpuMs } from '@tfjs-lrm/shared';
import type { Side } from './comparisons.ts';
import { makeStep, type Step } from './workloads.ts';

export type Request =
  | { readonly prepare: Side }
  | { readonly round: number }
  | { readonly count: 'kernels' };

/** How often a step runs each kernel, and how many bytes of tensors it creates. */
export interface Work {
  readonly kernels: Readonly<Record<string, number>>;
  readonly bytes: number;
}
export type Reply =
  | { readonly ready: true }
  | { readonly msPerStep: number }
  | Work
  | { readonly error: string };

/** Five steps, or fewer once this time is over: on cpu, one may take many seconds. */
const WARM_UP = { steps: 5, ms: 3000 };
let step: Step | null = null;
let isCpuTime = false;

async function prepare(side: Side): Promise<void> {
  if (side.backend === 'tensorflow') await import('@tfjs-lrm/native');
  else if (side.backend === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
  else await import('@tensorflow/tfjs-backend-cpu');
  if (side.kernels) {
    const { enableTraining } = (await import(
      side.kernelsFrom ?? '@tfjs-lrm/kernels'
    )) as typeof import('@tfjs-lrm/kernels');
    enableTraining({ threads: side.threads ?? 1 });
  }
  await tf.setBackend(side.backend);
  await tf.ready();
  isCpuTime = side.isCpuTime ?? false;
  step = await makeStep(side);
  const began = performance.now();
  for (let i = 0; i < WARM_UP.steps && performance.now() - began < WARM_UP.ms; i++) await step();
}

async function measure(steps: number): Promise<number> {
  const began = performance.now();
  const cpu = cpuMs();
  for (let i = 0; i < steps; i++) await step?.();
  return (isCpuTime ? cpuMs() - cpu : performance.now() - began) / steps;
}

async function countKernels(): Promise<Work> {
  const { kernels } = await tf.profile(async () => {
    await step?.();
    return [];
  });
  const counts: Record<string, number> = {};
  for (const { name } of kernels) counts[name] = (counts[name] ?? 0) + 1;
  return { kernels: counts, bytes: kernels.reduce((sum, { bytesAdded }) => sum + bytesAdded, 0) };
}

process.on('message', async (request: Request) => {
  const reply = (message: Reply): void => {
    process.send?.(message);
  };
  try {
    if ('prepare' in request) {
      await prepare(request.prepare);
      reply({ ready: true });
    } else if ('count' in request) {
      reply(await countKernels());
    } else {
      reply({ msPerStep: await measure(request.round) });
    }
  } catch (error) {
    reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
