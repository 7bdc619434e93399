import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Compile, minimizer, type TrainingStep } from '@tfjs-lrm/language-model';

/** The training step of a model, operation by operation or as one function of TensorFlow. */
export async function trainingStep(
  model: LayersModel,
  optimizer: tf.Optimizer,
  how: Compile,
): Promise<TrainingStep> {
  const minimize = minimizer(model, optimizer);
  if (how === 'off') return { take: minimize, dispose: () => {} };
  const { compile } = await import('@tfjs-lrm/native');
  const take = compile(minimize, { xla: how === 'xla' });
  return { take, dispose: () => take.dispose() };
}
