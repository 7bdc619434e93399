import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { booleanRule, describeLayer, numberRule, oneOfRule } from '@tfjs-lrm/core/kit';
import { attention, type Cache, type Heads, nextAttention, paddingMask } from './attention.ts';
import {
  ConfiguredLayer,
  type Kwargs,
  type LayerOptions,
  maskOf,
  type Options,
  type Shape,
  savedOptions,
  widthOf,
} from './configured-layer.ts';
import { rmsNormalize } from './rms-norm.ts';
import type { Rotary } from './rotary.ts';
import type { SteppingLayer, StepState } from './stepping.ts';

const NORM_EPSILON = 1e-6;

interface Settings {
  /** How many heads the queries have. */
  readonly heads: number;
  /** How many heads keys and values have, each shared by heads / keyHeads neighbours; by default `heads`. */
  readonly keyHeads?: number;
  /**
   * Which channels of a head turn with the position: i with i + width/2 (`'halves'`, as in GPT-NeoX and Llama of
   * Hugging Face), 2i with 2i + 1 (`'neighbours'`, as in RoFormer and Meta's Llama), or `'none'`.
   */
  readonly rotary: Rotary;
  /** Pair i of a head of width w turns by position · rotaryBase^(−2i/w) radians. */
  readonly rotaryBase: number;
  /** Whether each head of queries and keys is divided by its root mean square first (ε = 1e-6). */
  readonly queryKeyNorm: boolean;
  /** How many steps a query looks back, itself included; by default all. */
  readonly window?: number;
  /** Multiplies the scores; by default 1/√(width of a head). */
  readonly scale?: number;
}

export interface CausalSelfAttentionOptions
  extends LayerOptions,
    Partial<Omit<Settings, 'heads'>>,
    Pick<Settings, 'heads'> {}

const ABOUT: Options<Settings> = {
  where: 'causalSelfAttention',
  rules: {
    heads: numberRule({ min: 1, integer: true, try: '4' }),
    keyHeads: numberRule({ min: 1, integer: true, try: '2' }),
    rotary: oneOfRule(['halves', 'neighbours', 'none']),
    rotaryBase: numberRule({ min: 0, exclusive: true, try: '10_000' }),
    queryKeyNorm: booleanRule(false),
    window: numberRule({ min: 1, integer: true, try: '256' }),
    scale: numberRule({ min: 0, exclusive: true, try: '0.125' }),
  },
  defaults: { rotary: 'halves', rotaryBase: 10_000, queryKeyNorm: false } as Settings,
  required: ['heads'],
  inputs: ['query', 'key', 'value'],
};

class CausalSelfAttention extends ConfiguredLayer<Settings> implements SteppingLayer {
  static readonly className: string = 'LrmCausalSelfAttention';

  constructor(options: CausalSelfAttentionOptions) {
    super(ABOUT, options);
    const { heads, keyHeads } = this.#heads;
    if (heads % keyHeads !== 0) {
      throw new RangeError(
        `causalSelfAttention: "heads" must be a multiple of "keyHeads". Received ${heads} and ${keyHeads}. Try { heads: ${keyHeads * Math.max(1, Math.round(heads / keyHeads))}, keyHeads: ${keyHeads} }.`,
      );
    }
  }

  get #heads(): { heads: number; keyHeads: number } {
    const { heads, keyHeads = heads } = this.settings;
    return { heads, keyHeads };
  }

  override build(inputShape: Shape | Shape[]): void {
    const [query, key, value] = this.shapes(inputShape) as [Shape, Shape, Shape];
    const { heads, keyHeads } = this.#heads;
    const width = widthOf(this.where, 'query', query) / heads;
    const keyWidth = widthOf(this.where, 'key', key) / keyHeads;
    const valueWidth = widthOf(this.where, 'value', value) / keyHeads;
    if (!Number.isInteger(width) || width !== keyWidth) {
      throw new RangeError(
        `${this.where} must read queries of heads · w channels and keys of keyHeads · w. Received ${query.at(-1)} and ${key.at(-1)} channels for ${heads} heads and ${keyHeads} key heads. Try units: ${heads * Math.ceil(width)} and ${keyHeads * Math.ceil(width)}.`,
      );
    }
    if (!Number.isInteger(valueWidth)) {
      throw new RangeError(
        `${this.where} must read values of a multiple of keyHeads channels. Received ${value.at(-1)} for ${keyHeads} key heads. Try units: ${keyHeads * Math.ceil(valueWidth)}.`,
      );
    }
    if (this.settings.rotary !== 'none' && width % 2 !== 0) {
      throw new RangeError(
        `${this.where} must have heads of an even width, for rotary pairs. Received ${width}. Try units: ${heads * (width + 1)} for the query, or rotary: 'none'.`,
      );
    }
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [query, , value] = this.shapes(inputShape) as [Shape, Shape, Shape];
    const { heads, keyHeads } = this.#heads;
    const width = value.at(-1);
    return [...query.slice(0, -1), width == null ? null : (width / keyHeads) * heads];
  }

  /** Queries and keys, normalised where that is wanted, and how to compare them. */
  #prepared([query, key, value]: readonly [tf.Tensor, tf.Tensor, tf.Tensor]): {
    inputs: readonly [tf.Tensor, tf.Tensor, tf.Tensor];
    heads: Heads;
  } {
    const { rotary, rotaryBase, queryKeyNorm } = this.settings;
    const { heads, keyHeads } = this.#heads;
    const { scale = ((query.shape.at(-1) as number) / heads) ** -0.5 } = this.settings;
    const norm = (x: tf.Tensor, groups: number): tf.Tensor =>
      queryKeyNorm ? rmsNormalize(x, null, NORM_EPSILON, groups) : x;
    const rotation =
      rotary === 'none' ? null : { pairs: rotary, base: rotaryBase, scale: Math.sqrt(scale) };
    return {
      inputs: [norm(query, heads), norm(key, keyHeads), value],
      heads: { heads, keyHeads, rotation, scale },
    };
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Kwargs = {}): tf.Tensor {
    const three = this.tensors(inputs) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [batch, time] = this.#checkTime(three);
    return tf.tidy(() => {
      const {
        inputs: [q, k, v],
        heads,
      } = this.#prepared(three);
      const padded = maskOf(kwargs, batch, time);
      const padding = padded === null ? null : paddingMask(padded);
      return attention(q, k, v, { window: this.settings.window ?? null, padding }, heads);
    });
  }

  step(
    inputs: tf.Tensor[],
    state: StepState | null,
  ): { readonly output: tf.Tensor; readonly state: StepState } {
    const three = this.tensors(inputs) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [, time] = this.#checkTime(three);
    const position = state?.position ?? 0;
    const window = this.settings.window ?? null;
    const prepared = this.#prepared(three);
    const [keys, values] = (state?.tensors ?? []) as tf.Tensor3D[];
    const before: Cache | null =
      keys === undefined || values === undefined ? null : { keys, values };
    const { output, cache } = nextAttention(prepared.inputs, prepared.heads, {
      cache: before,
      position,
      window,
    });
    return { output, state: { position: position + time, tensors: [cache.keys, cache.values] } };
  }

  #checkTime(inputs: readonly tf.Tensor[]): [batch: number, time: number] {
    const [query] = inputs as [tf.Tensor];
    const [batch, time] = query.shape as [number, number];
    const fits = inputs.every(
      ({ shape }) => shape.length === 3 && shape[0] === batch && shape[1] === time,
    );
    if (fits) return [batch, time];
    throw new RangeError(
      `${this.where} must read three inputs [batch, time, channels] of the same batch and time. Received ${inputs.map(({ shape }) => `[${shape}]`).join(', ')}.`,
    );
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(savedOptions(ABOUT, config));
  }
}

tf.serialization.registerClass(CausalSelfAttention);
describeLayer(CausalSelfAttention.className, (layer) => {
  const { heads, keyHeads, rotary, queryKeyNorm } = (layer as CausalSelfAttention).settings;
  const pairs = rotary === 'none' ? undefined : rotary;
  return { attention: { heads, keyHeads, rotary: pairs, normalised: queryKeyNorm } };
});

/**
 * Causal multi-head attention without weights: softmax(s · R(q) · R(k)ᵀ) · v for each head, where a step looks at
 * itself and at steps before it, and R turns pairs of channels by their position. Its three inputs are written by Dense
 * layers, and another one reads its output, so that every matrix is a layer: multipliers, Muon and roles need to
 * know nothing of attention.
 *
 * A mask, as from an embedding with `maskZero`, hides padded steps from all others.
 *
 * @param options heads; keyHeads, for grouped-query attention; rotary, rotaryBase; queryKeyNorm; window; scale; and
 *   those of every layer
 * @returns a layer from [query, key, value], [batch, time, heads · w], [batch, time, keyHeads · w] and
 *   [batch, time, keyHeads · v], to [batch, time, heads · v]
 * @throws TypeError for something that is not an options object and for inputs that are not float32; RangeError for a
 *   wrong or missing option, and for inputs that do not fit each other or the heads
 * @see Vaswani et al., 2017, arXiv 1706.03762, eq. 1; Ainslie et al., 2023, arXiv 2305.13245 (shared key heads)
 * @example
 * const attend = causalSelfAttention({ heads: 4, keyHeads: 2 });
 * attend.apply([tf.ones([1, 5, 32]), tf.ones([1, 5, 16]), tf.ones([1, 5, 16])]); // [1, 5, 32]
 */
export function causalSelfAttention(options: CausalSelfAttentionOptions): layers.Layer {
  return new CausalSelfAttention(options);
}
