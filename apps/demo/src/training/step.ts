import type * as tf from '@tensorflow/tfjs-core';
import type { Compile } from '../settings.ts';

/** From inputs and targets, both [batch, context], to the loss before the step that it takes. */
type Minimize = (inputs: tf.Tensor, targets: tf.Tensor) => tf.Scalar;

interface TrainingStep {
  readonly take: Minimize;
  readonly dispose: () => void;
}

/** A training step as it is, or as one function of TensorFlow. */
export async function trainingStep(minimize: Minimize, how: Compile): Promise<TrainingStep> {
  if (how === 'off') return { take: minimize, dispose: () => {} };
  const { compile } = await import('@tfjs-lrm/native');
  const take = compile(minimize, { xla: how === 'xla' });
  return { take, dispose: () => take.dispose() };
}
