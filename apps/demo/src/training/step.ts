import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { crossEntropy } from '@tfjs-lrm/layers';
import type { Compile } from './settings.ts';

/** Takes a step on inputs and targets, both [batch, context], and returns the loss before it. */
type Minimize = (inputs: tf.Tensor, targets: tf.Tensor) => tf.Scalar;

interface TrainingStep {
  readonly take: Minimize;
  readonly dispose: () => void;
}

/** The training step of a model, operation by operation or as one function of TensorFlow. */
export async function trainingStep(
  model: LayersModel,
  optimizer: tf.Optimizer,
  how: Compile,
): Promise<TrainingStep> {
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const minimize: Minimize = (x, y) =>
    optimizer.minimize(
      () => crossEntropy(y, model.apply(x, { training: true }) as tf.Tensor),
      true,
      variables,
    ) as tf.Scalar;
  if (how === 'off') return { take: minimize, dispose: () => {} };
  const { compile } = await import('@tfjs-lrm/native');
  const take = compile(minimize, { xla: how === 'xla' });
  return { take, dispose: () => take.dispose() };
}
