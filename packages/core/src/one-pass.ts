import * as tf from '@tensorflow/tfjs-core';
import { isTapeOn } from './tape.ts';

/**
 * A formula that is computed in one pass over memory: by a kernel of `@tfjs-lrm/kernels` on wasm, and of `@tfjs-lrm/native`
 * on tensorflow.
 */
export type OnePass =
  | 'LrmAdam'
  | 'LrmCrossEntropy'
  | 'LrmCrossEntropyGradient'
  | 'LrmGatedSilu'
  | 'LrmGatedSiluGradient'
  | 'LrmMergeHeads'
  | 'LrmRmsNorm'
  | 'LrmRmsNormGradient'
  | 'LrmRotate'
  | 'LrmScale'
  | 'LrmScaleGradient'
  | 'LrmSoftmax'
  | 'LrmSoftmaxGradient'
  | 'LrmSplitHeads';

/**
 * Runs a kernel that `enableTraining()` of `@tfjs-lrm/kernels`, or the import of `@tfjs-lrm/native`, registers beside those
 * of tfjs.
 *
 * @param inputs undefined for one that is left out; LrmAdam takes lists, for several variables
 * @returns its outputs; null where the backend has no such kernel or cannot run it now, and while the tape records, because
 *   the kernel has no gradient: compute the formula by operations of tfjs then
 * @example
 * const scaled = runOnePass('LrmScale', { w: tf.ones([2, 3]), v: tf.ones([3]) }); // null, or one tensor [2, 3]
 */
export function runOnePass(
  name: OnePass,
  inputs: Readonly<Record<string, tf.Tensor | readonly tf.Tensor[] | undefined>>,
  attributes: Readonly<Record<string, number>> = {},
): tf.Tensor[] | null {
  const engine = tf.engine();
  if (isTapeOn() || tf.getKernel(name, engine.backendName) === undefined) return null;
  const outputs = engine.runKernel(name, inputs as unknown as tf.NamedTensorMap, {
    ...attributes,
  }) as unknown as tf.Tensor[];
  return outputs.length === 0 ? null : outputs;
}
