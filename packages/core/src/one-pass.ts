import * as tf from '@tensorflow/tfjs-core';
import { isTapeOn } from './tape.ts';

/** A formula that `@tfjs-lrm/kernels` computes in one pass over memory on wasm. */
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
 * Runs a kernel that `enableTraining()` of `@tfjs-lrm/kernels` registers beside those of tfjs.
 *
 * @param inputs undefined for one that is left out
 * @returns its outputs; null where the backend has no such kernel, and while the tape records, because the kernel has no
 *   gradient: compute the formula by operations of tfjs then
 * @example
 * const scaled = runOnePass('LrmScale', { w: tf.ones([2, 3]), v: tf.ones([3]) }); // null, or one tensor [2, 3]
 */
export function runOnePass(
  name: OnePass,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
  attributes: Readonly<Record<string, number>> = {},
): tf.Tensor[] | null {
  const engine = tf.engine();
  if (isTapeOn() || tf.getKernel(name, engine.backendName) === undefined) return null;
  const outputs = engine.runKernel(name, inputs as tf.NamedTensorMap, {
    ...attributes,
  }) as unknown as tf.Tensor[];
  return outputs.length === 0 ? null : outputs;
}
