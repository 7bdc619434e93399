/** The ways in which one training step of the demo's model can run. */
import { type Mixer, mixerSizes } from '@tfjs-lrm/language-model';
import type { Side } from './comparisons.ts';
import { type Counts, measure, nodeRunner, pythonRunner, type Runner } from './runner.ts';
import { sizeOf, VOCABULARY } from './workloads.ts';

export const VARIANTS = [
  'op by op',
  'graph',
  'XLA',
  'PyTorch eager',
  'PyTorch eager (fused)',
  'torch.compile',
  'JAX jit',
  'wasm',
] as const;
export type Variant = (typeof VARIANTS)[number];

/** The Python that runs the variants which need one, unless a command names another. */
export const PYTHON: string = process.env['PYTHON'] ?? 'python3';

/** What all variants compute. */
export interface Task {
  readonly optimizer: 'adam' | 'muon';
  readonly multipliers: boolean;
  readonly preset: string;
  /** Overrides of the preset's numbers, and of what its blocks are made of. */
  readonly size: Readonly<Record<string, number | Mixer>>;
}

/** Those with `torch.optim.Adam(fused=True)`; by default PyTorch on a CPU updates weight by weight. */
const FUSED: readonly Variant[] = ['PyTorch eager (fused)', 'torch.compile'];

const SCRIPTS: Partial<Record<Variant, string>> = {
  'PyTorch eager': 'torch_step.py',
  'PyTorch eager (fused)': 'torch_step.py',
  'torch.compile': 'torch_step.py',
  'JAX jit': 'jax_step.py',
};

/** Starts a variant and takes its first steps. */
export async function start(variant: Variant, task: Task, python: string): Promise<Runner> {
  const { optimizer, multipliers, preset } = task;
  if (variant === 'PyTorch eager (fused)' && optimizer === 'muon') {
    throw new Error('torch.optim.Muon has no fused form');
  }
  const options = { optimizer, multipliers, preset, ...task.size };
  const script = SCRIPTS[variant];
  if (script !== undefined) {
    const [compile, fused] = [variant === 'torch.compile', FUSED.includes(variant)];
    const size = { ...sizeOf(options), parts: mixerSizes(sizeOf(options)) };
    return pythonRunner(python, script, {
      ...{ size, optimizer, multipliers, compile, fused, vocabulary: VOCABULARY },
    });
  }
  const backend = variant === 'wasm' ? 'wasm' : 'tensorflow';
  const side: Side = {
    ...{ label: variant, workload: 'language-model', options, backend },
    kernels: backend === 'wasm',
    ...(variant === 'graph' ? { compile: 'graph' } : {}),
    ...(variant === 'XLA' ? { compile: 'xla' } : {}),
  };
  return nodeRunner(side);
}

/**
 * Milliseconds a step of the variants that this machine has, round by round; prints which are left out, and why.
 */
export async function measureVariants(
  variants: readonly Variant[],
  task: Task,
  python: string,
  counts: Counts,
): Promise<Map<Variant, number[]>> {
  const names: Variant[] = [];
  const runners: Runner[] = [];
  for (const variant of variants) {
    try {
      runners.push(await start(variant, task, python));
      names.push(variant);
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0];
      console.log(`skipped: ${variant}: ${reason}`);
    }
  }
  const times = await measure(
    runners.map((runner) => async () => runner),
    counts,
  );
  return new Map(names.map((name, i) => [name, times[i] as number[]]));
}
