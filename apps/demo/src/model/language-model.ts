import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  input,
  type LayersModel,
  layers,
  model as makeModel,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import './symmetry-of-layers.ts';
import { CausalAttention } from './causal-attention.ts';
import { GatedProduct } from './gated-product.ts';
import { RmsNorm } from './rms-norm.ts';

/** Sizes of the model. */
export interface ModelSize {
  readonly width: number;
  readonly blocks: number;
  readonly heads: number;
  readonly mlp: number;
}

/**
 * A pre-norm decoder: embedding, blocks of causal attention and gated MLP on a residual stream, norm, head.
 * One matrix is one layer, without bias. Kernels start at N(0, 1/√in), the embedding at N(0, 0.02).
 *
 * With `multipliers`, every matrix has row and column factors, except that the head has no row factors: those
 * would learn the frequencies of characters and starve the features (arXiv 2601.04890, sec. 4.4).
 *
 * @returns a model from token ids [batch, time] to logits [batch, time, vocabulary]
 */
export function languageModel(
  size: ModelSize,
  vocabulary: number,
  multipliers: boolean,
  seed: number,
): LayersModel {
  const { width, blocks, heads, mlp } = size;
  // Each matrix is drawn from its own seed.
  let drawn = seed * 1000;
  const normal = (stddev: number) => initializers.randomNormal({ mean: 0, stddev, seed: ++drawn });
  const wrap = (layer: layers.Layer, options = {}): layers.Layer =>
    multipliers ? withMultipliers(layer, options) : layer;
  const dense = (name: string, from: number, units: number, options = {}) =>
    wrap(
      layers.dense({ name, units, useBias: false, kernelInitializer: normal(1 / Math.sqrt(from)) }),
      options,
    );
  const apply = (layer: layers.Layer, x: SymbolicTensor | SymbolicTensor[]): SymbolicTensor =>
    layer.apply(x) as SymbolicTensor;
  const norm = (name: string, x: SymbolicTensor): SymbolicTensor => apply(new RmsNorm({ name }), x);
  const add = (name: string, a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor =>
    apply(layers.add({ name }), [a, b]);

  const tokens = input({ shape: [null], dtype: 'int32', name: 'tokens' });
  let x = apply(
    wrap(
      layers.embedding({
        name: 'embedding',
        inputDim: vocabulary,
        outputDim: width,
        embeddingsInitializer: normal(0.02),
      }),
    ),
    tokens,
  );
  for (let i = 0; i < blocks; i++) {
    const block = `block${i}`;
    const h = norm(`${block}_attention_norm`, x);
    const [query, key, value] = ['query', 'key', 'value'].map((part) =>
      apply(dense(`${block}_${part}`, width, width), h),
    );
    const attended = apply(new CausalAttention({ name: `${block}_attention`, heads }), [
      query,
      key,
      value,
    ] as SymbolicTensor[]);
    x = add(
      `${block}_attention_residual`,
      x,
      apply(dense(`${block}_output`, width, width), attended),
    );
    const h2 = norm(`${block}_mlp_norm`, x);
    const gate = apply(dense(`${block}_gate`, width, mlp), h2);
    const up = apply(dense(`${block}_up`, width, mlp), h2);
    const product = apply(new GatedProduct({ name: `${block}_product` }), [gate, up]);
    x = add(`${block}_mlp_residual`, x, apply(dense(`${block}_down`, mlp, width), product));
  }
  const logits = apply(dense('head', width, vocabulary, { row: false }), norm('norm', x));
  return makeModel({ inputs: tokens, outputs: logits, name: 'languageModel' });
}

/**
 * Mean cross-entropy of next characters, nats a character.
 *
 * @param logits [batch, time, vocabulary]
 * @param targets ids, [batch, time]
 */
export function crossEntropy(logits: tf.Tensor, targets: tf.Tensor): tf.Scalar {
  const vocabulary = logits.shape.at(-1) as number;
  const labels = tf.oneHot(tf.reshape(targets, [-1]) as tf.Tensor1D, vocabulary);
  return tf.losses.softmaxCrossEntropy(labels, tf.reshape(logits, [-1, vocabulary])) as tf.Scalar;
}
