import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { watchScales } from '@tfjs-lrm/diagnostics';
import { languageModel, PRESETS, type Preset, type PresetName } from '@tfjs-lrm/language-model';
import { crossEntropy } from '@tfjs-lrm/layers';
import { addMultipliers, foldMultipliers, reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import type { Side, WorkloadName } from './comparisons.ts';
import { peakStep } from './floor/peaks.ts';
import { kernelStep } from './kernel-workloads.ts';
import { type LayersModelName, layersModel } from './layers-models.ts';
import { mobilenetStep } from './mobilenet.ts';

/** Takes one step of training or prediction, and waits for its result. */
export type Step = () => Promise<void>;

const RATE = 1e-3;
/** Characters of the demo's text. */
export const VOCABULARY = 83;

function optimizerOf(name: unknown): tf.Optimizer {
  const options = { learningRate: RATE, beta1: 0.9, beta2: 0.95 };
  switch (name) {
    case 'tfjs':
      return tf.train.adam(RATE, 0.9, 0.95);
    case 'muon':
      return muon({ learningRate: RATE, fallback: adam(options) });
    case 'decay':
      return withWeightDecay(adam(options));
    case 'clipping':
      return withClipping(adam(options), { globalNorm: 1 });
    case 'reparametrize':
      // The variables that have factors in the demo's model too.
      return reparametrize(adam(options), { select: ['matrix', 'embedding'] });
    case 'schedule':
      return withSchedule(adam(options), cosine({ steps: 1e6 }));
    default:
      return adam(options);
  }
}

/** The model's size: the preset that options name, with the numbers and the mixer that they override. */
export function sizeOf(options: Side['options']): Preset {
  const preset = PRESETS[(options['preset'] ?? 'tiny') as PresetName];
  const given = Object.entries(options).filter(
    ([key, value]) => typeof value === 'number' || key === 'mixer',
  );
  return { ...preset, ...Object.fromEntries(given) };
}

/** The demo's model, with a batch of its input and targets. */
function demo(options: Side['options']): { model: LayersModel; x: tf.Tensor; y: tf.Tensor } {
  const size = sizeOf(options);
  const model = languageModel(size, VOCABULARY, options['multipliers'] === true, 1);
  const ids = (seed: number): tf.Tensor =>
    tf.randomUniform([size.batch, size.context], 0, VOCABULARY, 'int32', seed);
  return { model, x: ids(1), y: ids(2) };
}

/** A training step of the demo's model. */
async function languageModelStep({ options, compile, precision }: Side): Promise<Step> {
  const { model, x, y } = demo(options);
  assignRoles(model);
  const optimizer = optimizerOf(options['optimizer']);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const minimize = (inputs: tf.Tensor, targets: tf.Tensor): tf.Scalar =>
    optimizer.minimize(
      () => crossEntropy(targets, model.apply(inputs, { training: true }) as tf.Tensor),
      true,
      variables,
    ) as tf.Scalar;
  const step = compile === undefined ? minimize : await compiled(minimize, compile, precision);
  const watch = options['watch'] === true ? watchScales(model, optimizer, { every: 50 }) : null;
  return async () => {
    const value = step(x, y);
    await value.data();
    value.dispose();
    watch?.record();
  };
}

async function compiled<A extends tf.Tensor[], R extends tf.Tensor>(
  step: (...batch: A) => R,
  how: 'graph' | 'xla',
  precision: Side['precision'],
): Promise<(...batch: A) => R> {
  const { compile } = await import('@tfjs-lrm/native');
  return compile(step, { xla: how === 'xla', precision });
}

/** A prediction of the demo's model, folded or not. */
function predictionStep({ options }: Side): Step {
  const { model: trainable, x } = demo(options);
  const model = options['folded'] === true ? foldMultipliers(trainable) : trainable;
  return async () => {
    const output = model.predict(x) as tf.Tensor;
    await output.data();
    output.dispose();
  };
}

/** `trainOnBatch` of a model of tf.layers, on noise. */
async function layersModelStep({ options, compile, precision }: Side): Promise<Step> {
  const { model: plain, x, y } = layersModel(options['model'] as LayersModelName);
  const model = options['multipliers'] === true ? addMultipliers(plain) : plain;
  assignRoles(model);
  model.compile({ optimizer: optimizerOf(options['optimizer']), loss: 'meanSquaredError' });
  if (compile !== undefined) {
    const { compileModel } = await import('@tfjs-lrm/native');
    compileModel(model, { xla: compile === 'xla', precision });
  }
  return async () => {
    await model.trainOnBatch(x, y);
  };
}

const WORKLOADS: Readonly<Record<WorkloadName, (side: Side) => Step | Promise<Step>>> = {
  'language-model': languageModelStep,
  prediction: predictionStep,
  mobilenet: mobilenetStep,
  'layers-model': layersModelStep,
  kernel: ({ options: { call } }) => kernelStep(call),
  peak: peakStep,
};

/** Builds a workload; call it after the backend is ready. */
export async function makeStep(side: Side): Promise<Step> {
  return WORKLOADS[side.workload](side);
}
