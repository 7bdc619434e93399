import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, type layers } from '@tensorflow/tfjs-layers';
import { booleanRule, describeLayer, numberRule, runOnePass } from '@tfjs-lrm/core/kit';
import {
  ConfiguredLayer,
  type LayerOptions,
  type Options,
  type Shape,
  savedOptions,
  widthOf,
} from './configured-layer.ts';
import { sumOfLast, sumOfRows, withGradient } from './with-gradient.ts';

/** Options of {@link rmsNorm}, beside those of every layer. */
interface Settings {
  /** Added to the mean square, in squared units of the input. */
  readonly epsilon: number;
  /** How many groups of neighbouring channels are normalised, each by itself; 1: all channels together. */
  readonly groups: number;
  /** Whether a learned factor for each channel follows, which starts at 1. */
  readonly gain: boolean;
}

export interface RmsNormOptions extends LayerOptions, Partial<Settings> {}

/**
 * x / √(mean(x²) + ε) · gain over the last axis, or over each of `groups` equal parts of it.
 *
 * @param x [..., width]
 * @param gain [width], or null for none
 */
export function rmsNormalize(
  x: tf.Tensor,
  gain: tf.Tensor | null,
  epsilon: number,
  groups = 1,
): tf.Tensor {
  const width = x.shape.at(-1) as number;
  const grouped = [x.size / width, groups, width / groups];
  const forward = (input: tf.Tensor, factor?: tf.Tensor) => {
    const outputs = runOnePass('LrmRmsNorm', { x: input, gain: factor }, { epsilon, groups });
    if (outputs !== null) {
      const [value, scale] = outputs as [tf.Tensor, tf.Tensor];
      const saved = [input, scale, ...(factor === undefined ? [] : [factor])];
      return { value, saved, backward: backwardInOnePass };
    }
    const flat = tf.reshape(input, grouped);
    const scale = tf.rsqrt(tf.add(tf.mean(tf.square(flat), -1, true), epsilon)); // [rows, groups, 1]
    const unit = tf.reshape(tf.mul(flat, scale), [-1, width]);
    const value = factor === undefined ? unit : tf.mul(unit, factor);
    const saved = factor === undefined ? [unit, scale] : [unit, scale, factor];
    return { value: tf.reshape(value, x.shape), saved };
  };
  const backwardInOnePass = (dy: tf.Tensor, saved: tf.Tensor[]) => {
    const [input, scale, factor] = saved as [tf.Tensor, tf.Tensor, tf.Tensor?];
    const inputs = { dy, scale, x: input, gain: factor };
    return runOnePass('LrmRmsNormGradient', inputs, { groups }) as tf.Tensor[];
  };
  const backward = (dy0: tf.Tensor, saved: tf.Tensor[]) => {
    const [u, r, factor] = saved as [tf.Tensor, tf.Tensor, tf.Tensor?];
    const dy = tf.reshape(dy0, [-1, width]);
    const slope = tf.mul(dy, u);
    // The component of the gradient along the normalised vector, which a scale of x cannot change.
    const along = tf.div(
      groups === 1 && factor !== undefined
        ? tf.matMul(slope as tf.Tensor2D, tf.reshape(factor, [width, 1]))
        : sumOfLast(tf.reshape(factor === undefined ? slope : tf.mul(slope, factor), grouped)),
      width / groups,
    );
    const du = tf.reshape(factor === undefined ? dy : tf.mul(dy, factor), grouped);
    const inside = tf.mul(tf.reshape(u, grouped), tf.reshape(along, [grouped[0]!, groups, 1]));
    const dx = tf.reshape(tf.mul(tf.sub(du, inside), r), x.shape);
    return factor === undefined ? [dx] : [dx, sumOfRows(slope, width)];
  };
  return gain === null
    ? withGradient([x], forward, backward)
    : withGradient([x, gain], forward, backward);
}

const ABOUT: Options<Settings> = {
  where: 'rmsNorm',
  rules: {
    epsilon: numberRule({ min: 0, try: '1e-6' }),
    groups: numberRule({ min: 1, integer: true, try: '1' }),
    gain: booleanRule(true),
  },
  defaults: { epsilon: 1e-6, groups: 1, gain: true },
  inputs: ['x'],
};

class RmsNorm extends ConfiguredLayer<Settings> {
  static readonly className: string = 'LrmRmsNorm';
  #gain: LayerVariable | null = null;

  constructor(options: RmsNormOptions = {}) {
    super(ABOUT, options);
  }

  override build(inputShape: Shape | Shape[]): void {
    const width = widthOf(this.where, 'input', this.shapes(inputShape)[0] as Shape);
    if (width % this.settings.groups !== 0) {
      throw new RangeError(
        `${this.where} must read a width that is a multiple of its groups. Received ${width} and ${this.settings.groups} groups.`,
      );
    }
    if (this.settings.gain) {
      this.#gain = this.addWeight('gain', [width], 'float32', initializers.ones());
    }
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return this.shapes(inputShape)[0] as Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = this.tensors(inputs) as [tf.Tensor];
    const { epsilon, groups } = this.settings;
    return tf.tidy(() => rmsNormalize(x, this.#gain?.read() ?? null, epsilon, groups));
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(savedOptions(ABOUT, config));
  }
}

tf.serialization.registerClass(RmsNorm);
describeLayer(RmsNorm.className, (layer) => ({
  normalising: { groups: (layer as RmsNorm).settings.groups },
}));

/**
 * A layer that divides by the root mean square over the last axis and multiplies by a learned gain:
 * y = x / √(mean(x²) + ε) · gain. Nothing is subtracted, unlike in a layer norm. Its one weight is `gain`, [width].
 *
 * @param options epsilon (1e-6), groups (1), gain (true), and those of every layer
 * @returns a layer from [..., width] to [..., width]
 * @throws TypeError for something that is not an options object and for an input that is not float32; RangeError for
 *   a wrong option, and for a width that is not a multiple of the groups
 * @see Zhang and Sennrich, 2019, arXiv 1910.07467, eq. 4
 * @example
 * const norm = rmsNorm();
 * norm.apply(tf.ones([2, 5, 8])); // [2, 5, 8]
 */
export function rmsNorm(options: RmsNormOptions = {}): layers.Layer {
  return new RmsNorm(options);
}
