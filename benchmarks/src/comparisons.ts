/** The comparisons; the two sides of each differ in one thing. */

import { KERNEL_CALLS } from './kernel-workloads.ts';
import type { LayersModelName } from './layers-models.ts';

/** What a step does; see `workloads.ts`. */
export type WorkloadName =
  | 'language-model'
  | 'prediction'
  | 'mobilenet'
  | 'layers-model'
  | 'kernel'
  | 'peak';

/** One side of a comparison: a workload with its options, on a backend. */
export interface Side {
  readonly label: string;
  readonly workload: WorkloadName;
  readonly options: Readonly<Record<string, boolean | string | number>>;
  /** Whether the step is one function of TensorFlow. */
  readonly compile?: 'graph' | 'xla';
  /** Of the products of a graph; float32 if left out. */
  readonly precision?: 'mixed';
  readonly backend: 'wasm' | 'tensorflow' | 'cpu';
  /** Whether the kernels of @tfjs-lrm/kernels are registered. */
  readonly kernels: boolean;
  /** On how many threads those of wasm compute; one if left out. */
  readonly threads?: number;
  /** The module that has `enableTraining`, if it is not the present package. */
  readonly kernelsFrom?: string;
  /** Variables of the environment of its process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether times are those of the process on all its threads, which other processes hardly change. */
  readonly isCpuTime?: boolean;
}

/** `a` over `b`, step for step. */
export interface Comparison {
  readonly name: string;
  /** Comparisons of a group take minutes; they run only when they or their group are named. */
  readonly group?: 'training' | 'small-models' | 'kernel-timings';
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
const mobilenet = (form: string, trains: boolean): Side => ({
  ...wasm,
  label: `MobileNetV2, ${form}`,
  workload: 'mobilenet',
  options: { form, trains },
});

const predicting = (label: string, options: Side['options']): Side => ({
  ...demo(label, options),
  workload: 'prediction',
});

const layersModel = (model: LayersModelName, label: string, optimizer = 'tfjs'): Side => ({
  ...wasm,
  label,
  workload: 'layers-model',
  options: { model, optimizer },
});
const mlp = layersModel('mlp 256-256-256-10', 'mlp');
const convnet = layersModel('convnet 8-16', 'convnet');
const lstm = layersModel('lstm 64', 'lstm');
const step = demo('demo', { multipliers: true, optimizer: 'adam' });

/** The workloads of the profile. */
export const PROFILED: readonly Side[] = [mlp, convnet, lstm, step];

const against = (side: Side, name: string, backend: 'stock' | 'cpu'): Comparison => ({
  name,
  group: side.workload === 'kernel' ? 'kernel-timings' : 'training',
  a: { ...side, label: 'enableTraining' },
  b:
    backend === 'cpu'
      ? { ...side, label: 'cpu', backend, kernels: false }
      : { ...side, label: 'stock wasm', kernels: false },
});

/** Each kernel against stock wasm where that has it, else against cpu. */
const kernelTimings = Object.entries(KERNEL_CALLS).map(([call, { lacking }]) =>
  against(
    { ...wasm, label: call, workload: 'kernel', options: { call } },
    call,
    lacking ? 'cpu' : 'stock',
  ),
);

/** What Muon adds where the model is small, and its products with it. */
const muonOfSmall = (
  [
    ['small-mlp', 'mlp 784-128-64-10'],
    ['small-convnet', 'convnet of 5 × 5'],
    ['small-lstm', 'lstm of characters'],
    ['small-gru', 'gru of weather'],
    ['iris', 'iris'],
  ] as const
).map(
  ([name, model]): Comparison => ({
    name,
    group: 'small-models',
    a: layersModel(model, `${model}, muon`, 'muon'),
    b: layersModel(model, `${model}, adam`, 'adam'),
  }),
);

/** Every comparison, by name. */
export const COMPARISONS: readonly Comparison[] = [
  {
    name: 'multipliers',
    a: multiplied('row and column multipliers', 'adam'),
    b: plain,
  },
  {
    name: 'reparametrize',
    a: demo('reparametrize', { multipliers: false, optimizer: 'reparametrize' }),
    b: plain,
  },
  {
    name: 'prediction',
    a: predicting('predict with multipliers', { multipliers: true }),
    b: predicting('predict without', { multipliers: false }),
  },
  {
    name: 'folded-prediction',
    a: predicting('predict, folded', { multipliers: true, folded: true }),
    b: predicting('predict without', { multipliers: false }),
  },
  {
    name: 'kernels',
    a: { ...mlp, label: 'enableTraining' },
    b: { ...mlp, kernels: false, label: 'stock wasm' },
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
  {
    // A point of the record every 50 steps: measure with --steps 50, or a multiple.
    name: 'watch',
    a: demo('watchScales', { multipliers: false, optimizer: 'decay', watch: true }),
    b: demo('unwatched', { multipliers: false, optimizer: 'decay' }),
  },
  {
    name: 'mobilenet',
    a: mobilenet('multiplied', true),
    b: mobilenet('plain', true),
  },
  {
    name: 'mobilenet-predict',
    a: mobilenet('multiplied', false),
    b: mobilenet('plain', false),
  },
  {
    name: 'mobilenet-folded',
    a: mobilenet('folded', false),
    b: mobilenet('plain', false),
  },
  // Stock wasm can train neither the convnet nor the demo's model.
  against(mlp, 'mlp-stock', 'stock'),
  against(mlp, 'mlp-cpu', 'cpu'),
  against(convnet, 'convnet-cpu', 'cpu'),
  against(lstm, 'lstm-stock', 'stock'),
  against(lstm, 'lstm-cpu', 'cpu'),
  against(step, 'demo-cpu', 'cpu'),
  ...muonOfSmall,
  ...kernelTimings,
];
