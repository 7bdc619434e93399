import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import type { KernelAxes, KernelPlace } from '@tfjs-lrm/core/kit';
import { type Config, type Options, optionsOf } from './options.ts';

type Shape = (number | null)[];
type Masks = tf.Tensor | null | (tf.Tensor | null)[] | undefined;

/** [width, heads, size] */
const BY_HEADS: KernelAxes = { row: [-2, -1], column: [-3] };
/** [heads, size, width] */
const OF_HEADS: KernelAxes = { row: [-1], column: [-3, -2] };

/** Added to the scores of what may not be seen. */
const HIDDEN = -1e9;

/**
 * Keras' MultiHeadAttention of [query, value] or [query, value, key], each [batch, length, width]:
 *
 *     softmax(Q·Kᵀ / √keyDim) · V, for each head, and then a product with the kernel of the output
 *
 * With `useCausalMask` later places are left out, and so is padding, as an Embedding with `mask_zero` marks it, where query
 * and value are the same, unless `onPadding` is 'none'.
 */
export class MultiHeadAttention extends layers.Layer {
  static readonly className: string = 'MultiHeadAttention';
  /** For `kernelPlaces` of core, and so for multipliers, Muon and µP. */
  readonly kernelPlaces: readonly KernelPlace[] = [
    { property: 'queryDenseKernel', axes: BY_HEADS },
    { property: 'keyDenseKernel', axes: BY_HEADS },
    { property: 'valueDenseKernel', axes: BY_HEADS },
    { property: 'outputDenseKernel', axes: OF_HEADS },
  ];
  readonly #options: Options;
  declare queryDenseKernel: LayerVariable;
  declare queryDenseBias: LayerVariable | null;
  declare keyDenseKernel: LayerVariable;
  declare keyDenseBias: LayerVariable | null;
  declare valueDenseKernel: LayerVariable;
  declare valueDenseBias: LayerVariable | null;
  declare outputDenseKernel: LayerVariable;
  declare outputDenseBias: LayerVariable | null;

  constructor(config: Config) {
    super(config as object);
    this.supportsMasking = true;
    this.#options = optionsOf(config, {
      numHeads: 1,
      keyDim: 1,
      valueDim: config['keyDim'] as number,
      dropout: 0,
      useBias: true,
      outputShape: null,
      useCausalMask: false,
      onPadding: null,
    });
  }

  #add(name: string, shape: number[], biasShape: number[]): [LayerVariable, LayerVariable | null] {
    const start = initializers.glorotUniform({});
    return [
      this.addWeight(`${name}/kernel`, shape, 'float32', start),
      this.#options['useBias']
        ? this.addWeight(`${name}/bias`, biasShape, 'float32', initializers.zeros())
        : null,
    ];
  }

  override build(inputShape: Shape | Shape[]): void {
    const [query, value, key = value] = inputShape as [Shape, Shape, Shape?];
    const { numHeads, keyDim, valueDim } = this.#options as Record<string, number>;
    const heads = numHeads as number;
    const widthOf = (shape: Shape): number => shape.at(-1) as number;
    const out = this.#width(query);
    const project = (
      name: string,
      shape: Shape,
      size: number,
    ): [LayerVariable, LayerVariable | null] =>
      this.#add(name, [widthOf(shape), heads, size], [heads, size]);
    [this.queryDenseKernel, this.queryDenseBias] = project('query', query, keyDim as number);
    [this.keyDenseKernel, this.keyDenseBias] = project('key', key as Shape, keyDim as number);
    [this.valueDenseKernel, this.valueDenseBias] = project('value', value, valueDim as number);
    [this.outputDenseKernel, this.outputDenseBias] = this.#add(
      'attention_output',
      [heads, valueDim as number, out],
      [out],
    );
    this.built = true;
  }

  #width(query: Shape): number {
    const shape = [this.#options['outputShape'] ?? query.at(-1)].flat() as number[];
    return shape[0] as number;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [query] = inputShape as [Shape];
    return [...query.slice(0, -1), this.#width(query)];
  }

  override computeMask(_inputs: unknown, mask?: Masks): tf.Tensor {
    return [mask].flat()[0] as tf.Tensor;
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: { training?: boolean; mask?: Masks } = {},
  ): tf.Tensor {
    return tf.tidy(() => {
      const [query, value, key = value] = inputs as [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D?];
      const { keyDim, dropout } = this.#options as Record<string, number>;
      const q = this.#heads(query, this.queryDenseKernel, this.queryDenseBias);
      const k = this.#heads(key as tf.Tensor3D, this.keyDenseKernel, this.keyDenseBias);
      const v = this.#heads(value, this.valueDenseKernel, this.valueDenseBias);
      const scores = tf.matMul(tf.mul(q, 1 / Math.sqrt(keyDim as number)), k, false, true); // [batch, heads, length, seen]
      const hasPadding = this.#options['onPadding'] !== 'none';
      const mask = hasPadding ? ([kwargs.mask].flat()[0] ?? null) : null;
      // tfjs hands over the first mask alone.
      const hidden = this.#hidden(scores, mask, value === query ? mask : null);
      const weights = tf.softmax(hidden === null ? scores : tf.add(scores, tf.mul(hidden, HIDDEN)));
      const kept =
        kwargs.training === true && (dropout as number) > 0
          ? tf.dropout(weights, dropout as number)
          : weights;
      const [batch, length] = query.shape;
      const seen = tf.transpose(tf.matMul(kept, v), [0, 2, 1, 3]); // [batch, length, heads, valueDim]
      const kernel = this.outputDenseKernel.read();
      const width = kernel.shape[2] as number;
      const flat = tf.matMul(
        tf.reshape(seen, [batch * length, -1]),
        tf.reshape(kernel, [-1, width]) as tf.Tensor2D,
      );
      const biased =
        this.outputDenseBias === null ? flat : tf.add(flat, this.outputDenseBias.read());
      return tf.reshape(biased, [batch, length, width]);
    });
  }

  /** [batch, length, width] by heads: [batch, heads, length, size]. */
  #heads(x: tf.Tensor3D, kernel: LayerVariable, bias: LayerVariable | null): tf.Tensor4D {
    const [batch, length, width] = x.shape;
    const [, heads, size] = kernel.shape as [number, number, number];
    const flat = tf.matMul(
      tf.reshape(x, [batch * length, width]),
      tf.reshape(kernel.read(), [width, heads * size]) as tf.Tensor2D,
    );
    const biased = bias === null ? flat : tf.add(flat, tf.reshape(bias.read(), [heads * size]));
    return tf.transpose(
      tf.reshape(biased, [batch, length, heads, size]),
      [0, 2, 1, 3],
    ) as tf.Tensor4D;
  }

  /** 1 where a place may not be seen, and 0 elsewhere; null where all may be. */
  #hidden(scores: tf.Tensor, query: tf.Tensor | null, value: tf.Tensor | null): tf.Tensor | null {
    const [, , length, seen] = scores.shape as [number, number, number, number];
    const hidden: tf.Tensor[] = [];
    const unseen = (at: tf.Tensor): tf.Tensor => tf.sub(1, tf.cast(at, 'float32'));
    if (query !== null) hidden.push(tf.reshape(unseen(query), [-1, 1, length, 1]));
    if (value !== null) hidden.push(tf.reshape(unseen(value), [-1, 1, 1, seen]));
    if (this.#options['useCausalMask'] === true) {
      const places = tf.range(0, length);
      const later = tf.greater(tf.range(0, seen), tf.expandDims(places, 1));
      hidden.push(tf.reshape(tf.cast(later, 'float32'), [1, 1, length, seen]));
    }
    const [first, ...others] = hidden;
    return first === undefined ? null : others.reduce<tf.Tensor>((a, b) => tf.maximum(a, b), first);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.#options };
  }
}
