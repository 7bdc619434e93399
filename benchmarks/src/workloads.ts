import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { crossEntropy, languageModel } from '@tfjs-lrm/demo/model';
import { PRESETS, type Preset, type PresetName } from '@tfjs-lrm/demo/presets';
import { foldMultipliers, reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import type { Side, WorkloadName } from './comparisons.ts';
import { kernelStep } from './kernel-workloads.ts';
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

/** The model's size: the preset that options name, with the numbers that they override. */
export function sizeOf(options: Side['options']): Preset {
  const preset = PRESETS[(options['preset'] ?? 'tiny') as PresetName];
  const numbers = Object.entries(options).filter(([, value]) => typeof value === 'number');
  return { ...preset, ...Object.fromEntries(numbers) };
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
async function languageModelStep({ options, compile }: Side): Promise<Step> {
  const { model, x, y } = demo(options);
  assignRoles(model);
  const optimizer = optimizerOf(options['optimizer']);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
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

/** tf.train.adam through trainOnBatch, on noise. */
function layersStep(shape: number[], outputs: number, hidden: layers.Layer[]): Step {
  const model = sequential({
    layers: [layers.inputLayer({ inputShape: shape.slice(1) }), ...hidden],
  });
  model.compile({ optimizer: tf.train.adam(RATE), loss: 'meanSquaredError' });
  const x = tf.randomNormal(shape, 0, 1, 'float32', 1);
  const y = tf.randomNormal([shape[0] as number, outputs], 0, 1, 'float32', 2);
  return async () => {
    await model.trainOnBatch(x, y);
  };
}

/** Dense 256-256-256-10, batch 256. */
const mlpStep = (): Step =>
  layersStep([256, 256], 10, [
    layers.dense({ units: 256, activation: 'relu' }),
    layers.dense({ units: 256, activation: 'relu' }),
    layers.dense({ units: 10 }),
  ]);

/** Two convolutions of 3 × 3 with 8 and 16 filters, each with a pooling, on images of 28 × 28, batch 32. */
const convnetStep = (): Step =>
  layersStep([32, 28, 28, 1], 10, [
    layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
    layers.maxPooling2d({ poolSize: 2 }),
    layers.flatten(),
    layers.dense({ units: 10 }),
  ]);

/** An LSTM of 64 units over 16 steps of 32 features, batch 32. */
const lstmStep = (): Step =>
  layersStep([32, 16, 32], 10, [
    // The default, orthogonal, needs the union package.
    layers.lstm({ units: 64, recurrentInitializer: 'glorotNormal' }),
    layers.dense({ units: 10 }),
  ]);

const WORKLOADS: Readonly<Record<WorkloadName, (side: Side) => Step | Promise<Step>>> = {
  'language-model': languageModelStep,
  prediction: predictionStep,
  mlp: mlpStep,
  mobilenet: mobilenetStep,
  convnet: convnetStep,
  lstm: lstmStep,
  kernel: ({ options: { call } }) => kernelStep(call),
};

/** Builds a workload; call it after the backend is ready. */
export async function makeStep(side: Side): Promise<Step> {
  return WORKLOADS[side.workload](side);
}
