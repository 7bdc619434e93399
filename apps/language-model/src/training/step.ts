import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type CrossEntropyOptions, crossEntropy } from '@tfjs-lrm/layers';

/** Takes a step on inputs and targets, both [batch, context], and returns the loss before it. */
export type Minimize = (inputs: tf.Tensor, targets: tf.Tensor) => tf.Scalar;

/** A step, and what it holds until it is disposed. */
export interface TrainingStep {
  readonly take: Minimize;
  readonly dispose: () => void;
}

/** The training step of a model, operation by operation. */
export function minimizer(
  model: LayersModel,
  optimizer: tf.Optimizer,
  loss: CrossEntropyOptions = {},
): Minimize {
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  return (x, y) =>
    optimizer.minimize(
      () => crossEntropy(y, model.apply(x, { training: true }) as tf.Tensor, loss),
      true,
      variables,
    ) as tf.Scalar;
}
