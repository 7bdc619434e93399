/** What is compared with what. Each pair differs in one thing. */

/** What a step does; see `workloads.ts`. */
export type WorkloadName = 'language-model' | 'mlp';

/** One side of a comparison: a workload with its options, on a backend. */
export interface Side {
  readonly label: string;
  readonly workload: WorkloadName;
  readonly options: Readonly<Record<string, boolean | string | number>>;
  /** Whether the step is one function of TensorFlow. */
  readonly compile?: 'graph' | 'xla';
  readonly backend: 'wasm' | 'tensorflow' | 'cpu';
  /** Whether the kernels of @tfjs-lrm/kernels are registered. */
  readonly kernels: boolean;
}

/** `a` over `b`, step for step. */
export interface Comparison {
  readonly name: string;
  readonly a: Side;
  readonly b: Side;
}

const wasm = { backend: 'wasm', kernels: true } as const;
const demo = (label: string, options: Side['options']): Side => ({
  ...wasm,
  label,
  workload: 'language-model',
  options,
});
const plain = demo('no multipliers', { multipliers: false, optimizer: 'adam' });
const multiplied = (label: string, optimizer: string): Side =>
  demo(label, { multipliers: true, optimizer });

/** Every comparison, by name. */
export const COMPARISONS: readonly Comparison[] = [
  {
    name: 'multipliers',
    a: multiplied('row and column multipliers', 'adam'),
    b: plain,
  },
  {
    name: 'kernels',
    a: { ...wasm, label: 'enableTraining', workload: 'mlp', options: {} },
    b: { ...wasm, kernels: false, label: 'stock wasm', workload: 'mlp', options: {} },
  },
  {
    name: 'adam',
    a: multiplied('adam', 'adam'),
    b: multiplied('tf.train.adam', 'tfjs'),
  },
  {
    name: 'muon',
    a: multiplied('muon', 'muon'),
    b: multiplied('adam', 'adam'),
  },
  {
    name: 'weight-decay',
    a: multiplied('withWeightDecay', 'decay'),
    b: multiplied('adam alone', 'adam'),
  },
  {
    name: 'clipping',
    a: multiplied('withClipping', 'clipping'),
    b: multiplied('adam alone', 'adam'),
  },
  {
    name: 'schedule',
    a: multiplied('withSchedule', 'schedule'),
    b: multiplied('adam alone', 'adam'),
  },
];
