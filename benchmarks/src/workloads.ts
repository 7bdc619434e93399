import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles } from '@tfjs-lrm/core';
import { crossEntropy, languageModel } from '@tfjs-lrm/demo/model';
import { PRESETS, type PresetName } from '@tfjs-lrm/demo/presets';
import { foldMultipliers, reparametrize } from '@tfjs-lrm/multipliers';
import { muon } from '@tfjs-lrm/muon';
import { cosine, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import type { Side, WorkloadName } from './comparisons.ts';
import { kernelStep } from './kernel-workloads.ts';
import { mobilenetStep } from './mobilenet.ts';

/** Does one step, of training or prediction, and waits for what it gives. */
export type Step = () => Promise<void>;

const RATE = 1e-3;

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
      // What has factors in the demo's model too.
      return reparametrize(adam(options), { select: ['matrix', 'embedding'] });
    case 'schedule':
      return withSchedule(adam(options), cosine({ steps: 1e6 }));
    default:
      return adam(options);
  }
}

async function minimize(
  optimizer: tf.Optimizer,
  loss: () => tf.Scalar,
  variables: tf.Variable[],
): Promise<void> {
  const value = optimizer.minimize(loss, true, variables) as tf.Scalar;
  await value.data();
  value.dispose();
}

/** The demo's model in the size of a preset, with a batch of its input and targets. */
function demo(options: Side['options']): { model: LayersModel; x: tf.Tensor; y: tf.Tensor } {
  const vocabulary = 83;
  const preset = PRESETS[(options['preset'] ?? 'tiny') as PresetName];
  const model = languageModel(preset, vocabulary, options['multipliers'] === true, 1);
  const ids = (seed: number): tf.Tensor =>
    tf.randomUniform([preset.batch, preset.context], 0, vocabulary, 'int32', seed);
  return { model, x: ids(1), y: ids(2) };
}

/** A training step of the demo's model. */
function languageModelStep(options: Side['options']): Step {
  const { model, x, y } = demo(options);
  assignRoles(model);
  const optimizer = optimizerOf(options['optimizer']);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const loss = (): tf.Scalar => crossEntropy(model.apply(x, { training: true }) as tf.Tensor, y);
  return () => minimize(optimizer, loss, variables);
}

/** A prediction of the demo's model, or of what is left of it after folding. */
function predictionStep(options: Side['options']): Step {
  const { model: made, x } = demo(options);
  const model = options['folded'] === true ? foldMultipliers(made) : made;
  return async () => {
    const output = model.predict(x) as tf.Tensor;
    await output.data();
    output.dispose();
  };
}

/** tf.train.adam through trainOnBatch, on noise. */
function layersStep(shape: number[], outputs: number, made: layers.Layer[]): Step {
  const model = sequential({
    layers: [layers.inputLayer({ inputShape: shape.slice(1) }), ...made],
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

const WORKLOADS: Readonly<
  Record<WorkloadName, (options: Side['options']) => Step | Promise<Step>>
> = {
  'language-model': languageModelStep,
  prediction: predictionStep,
  mlp: mlpStep,
  mobilenet: mobilenetStep,
  convnet: convnetStep,
  lstm: lstmStep,
  kernel: ({ call }) => kernelStep(call),
};

/** Builds a workload; call it after the backend is ready. */
export async function makeStep({ workload, options }: Side): Promise<Step> {
  return WORKLOADS[workload](options);
}
