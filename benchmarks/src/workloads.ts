import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { crossEntropy, languageModel } from '@tfjs-lrm/demo/model';
import { PRESETS, type Preset, type PresetName } from '@tfjs-lrm/demo/presets';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import type { Side, WorkloadName } from './comparisons.ts';

/** Does one training step and waits for its loss. */
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
    case 'schedule':
      return withSchedule(adam(options), cosine({ steps: 1e6 }));
    default:
      return adam(options);
  }
}

/** The size of the model that options name: a preset, and numbers of it that differ. */
export function sizeOf(options: Side['options']): Preset {
  const preset = PRESETS[(options['preset'] ?? 'tiny') as PresetName];
  const numbers = Object.entries(options).filter(([, value]) => typeof value === 'number');
  return { ...preset, ...Object.fromEntries(numbers) };
}

/** A step of the demo's model. */
async function languageModelStep({ options, compile }: Side): Promise<Step> {
  const size = sizeOf(options);
  const model = languageModel(size, VOCABULARY, options['multipliers'] === true, 1);
  assignRoles(model);
  const optimizer = optimizerOf(options['optimizer']);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const ids = (seed: number): tf.Tensor =>
    tf.randomUniform([size.batch, size.context], 0, VOCABULARY, 'int32', seed);
  const [x, y] = [ids(1), ids(2)] as [tf.Tensor, tf.Tensor];
  const minimize = (inputs: tf.Tensor, targets: tf.Tensor): tf.Scalar =>
    optimizer.minimize(
      () => crossEntropy(model.apply(inputs, { training: true }) as tf.Tensor, targets),
      true,
      variables,
    ) as tf.Scalar;
  const step = compile === undefined ? minimize : await compiled(minimize, compile);
  return async () => {
    const value = step(x, y);
    await value.data();
    value.dispose();
  };
}

async function compiled<A extends tf.Tensor[], R extends tf.Tensor>(
  step: (...batch: A) => R,
  how: 'graph' | 'xla',
): Promise<(...batch: A) => R> {
  const { compile } = await import('@tfjs-lrm/native');
  return compile(step, { xla: how === 'xla' });
}

/** Dense 256-256-256-10, batch 256, tf.train.adam, through trainOnBatch. */
async function mlpStep(): Promise<Step> {
  const model = sequential({
    layers: [
      layers.dense({ units: 256, activation: 'relu', inputShape: [256] }),
      layers.dense({ units: 256, activation: 'relu' }),
      layers.dense({ units: 10 }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(RATE), loss: 'meanSquaredError' });
  const x = tf.randomNormal([256, 256], 0, 1, 'float32', 1);
  const y = tf.randomNormal([256, 10], 0, 1, 'float32', 2);
  return async () => {
    await model.trainOnBatch(x, y);
  };
}

const WORKLOADS: Readonly<Record<WorkloadName, (side: Side) => Promise<Step>>> = {
  'language-model': languageModelStep,
  mlp: mlpStep,
};

/** Builds a workload; call it after the backend is ready. */
export function makeStep(side: Side): Promise<Step> {
  return WORKLOADS[side.workload](side);
}
