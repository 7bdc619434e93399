/** The ways in which a step can run, each of which is measured with and without multipliers. */
import type { Side } from '../comparisons.ts';
import { nodeRunner, pythonRunner, type Runner } from '../runner.ts';
import { sizeOf, VOCABULARY } from '../workloads.ts';
import type { Peak } from './peaks.ts';

export const MODELS = ['small', 'tiny', 'mlp'] as const;
export type ModelName = (typeof MODELS)[number];

/** The machine as a whole, or one thread of WebAssembly. */
export type Engine = 'native' | 'wasm';

export interface Path {
  readonly label: string;
  readonly engine: Engine;
  /** Where the step runs; PyTorch has another way to start. */
  readonly side:
    | Pick<Side, 'backend' | 'kernels' | 'threads' | 'compile' | 'precision'>
    | 'PyTorch';
  /** Models that it cannot train, or not in a reasonable time. */
  readonly without?: readonly ModelName[];
}

const tensorflow = { backend: 'tensorflow', kernels: true } as const;
export const PATHS: readonly Path[] = [
  {
    label: 'wasm, stock',
    engine: 'wasm',
    side: { backend: 'wasm', kernels: false },
    without: ['small', 'tiny'],
  },
  { label: 'wasm', engine: 'wasm', side: { backend: 'wasm', kernels: true } },
  {
    label: 'wasm, two threads',
    engine: 'wasm',
    side: { backend: 'wasm', kernels: true, threads: 2 },
  },
  { label: 'tensorflow, operation by operation', engine: 'native', side: tensorflow },
  {
    label: 'tensorflow, compiled as a graph',
    engine: 'native',
    side: { ...tensorflow, compile: 'graph' },
  },
  {
    label: "tensorflow, compiled as a graph, precision 'mixed'",
    engine: 'native',
    side: { ...tensorflow, compile: 'graph', precision: 'mixed' },
  },
  {
    label: 'tensorflow, compiled by XLA',
    engine: 'native',
    side: { ...tensorflow, compile: 'xla' },
  },
  { label: 'PyTorch, eager', engine: 'native', side: 'PyTorch' },
];

const [INPUTS, HIDDEN, OUTPUTS, BATCH] = [256, 256, 10, 256];
const TITLES: Readonly<Record<ModelName, string>> = {
  small: "the demo's `small` model, width 128, 4 blocks, 32 × 64 tokens",
  tiny: "the demo's `tiny` model, width 64, 2 blocks, 16 × 64 tokens",
  mlp: `an MLP ${INPUTS}–${HIDDEN}–${HIDDEN}–${OUTPUTS}, batch ${BATCH}`,
};

/** What a model is, for a heading. */
export const titleOf = (model: ModelName): string => `A step of ${TITLES[model]}, with Adam`;

/** What a model's step computes. */
export function workOf(
  model: ModelName,
  multipliers: boolean,
): Pick<Side, 'label' | 'workload' | 'options'> {
  const options = { optimizer: 'adam', multipliers };
  if (model !== 'mlp') {
    return { label: model, workload: 'language-model', options: { ...options, preset: model } };
  }
  const name = 'mlp 256-256-256-10';
  return { label: model, workload: 'layers-model', options: { ...options, model: name } };
}

/** Starts a path; null where it has no form with multipliers. */
export async function startPath(
  { side }: Path,
  model: ModelName,
  multipliers: boolean,
  { python, isCpuTime }: { readonly python: string; readonly isCpuTime: boolean },
): Promise<Runner | null> {
  const work = workOf(model, multipliers);
  if (side !== 'PyTorch') return nodeRunner({ ...work, ...side, isCpuTime });
  // Otherwise its threads compute while they wait, and that would count.
  const environment = isCpuTime ? { OMP_WAIT_POLICY: 'PASSIVE' } : {};
  if (model === 'mlp') {
    const settings = { sizes: [INPUTS, HIDDEN, HIDDEN, OUTPUTS], batch: BATCH, isCpuTime };
    return multipliers ? null : pythonRunner(python, 'torch_mlp.py', settings, environment);
  }
  const settings = {
    ...{ size: sizeOf(work.options), optimizer: 'adam', multipliers, vocabulary: VOCABULARY },
    ...{ compile: false, fused: false, isCpuTime },
  };
  return pythonRunner(python, 'torch_step.py', settings, environment);
}

/** Starts what measures a peak of an engine. */
export const startPeak = (engine: Engine, peak: Peak, isCpuTime: boolean): Promise<Runner> =>
  nodeRunner({
    ...{ label: `${engine} ${peak}`, workload: 'peak', options: { peak } },
    ...{ backend: engine === 'wasm' ? 'wasm' : 'tensorflow', kernels: true, isCpuTime },
  });
