import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Compile, minimizer, type TrainingStep } from '@tfjs-lrm/language-model';
import type { CrossEntropyOptions } from '@tfjs-lrm/layers';

/** The training step of a model, operation by operation or as one function of TensorFlow. */
export async function trainingStep(
  model: LayersModel,
  optimizer: tf.Optimizer,
  how: Compile,
  loss: CrossEntropyOptions = {},
): Promise<TrainingStep> {
  const minimize = minimizer(model, optimizer, loss);
  if (how === 'off') return { take: minimize, dispose: () => {} };
  const { compile } = await import('@tfjs-lrm/native');
  const take = compile(minimize, { xla: how === 'xla' });
  return { take, dispose: () => take.dispose() };
}
