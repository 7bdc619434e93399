/** Normalizations of Keras that tfjs lacks. */
import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { type Config, type Options, optionsOf } from './options.ts';

type Shape = (number | null)[];
type Inputs = tf.Tensor | tf.Tensor[];

/** A layer whose output has the shape of its input. */
abstract class Normalizer extends layers.Layer {
  protected readonly options: Options;

  constructor(config: Config, defaults: Options) {
    super(config as object);
    this.supportsMasking = true;
    this.options = optionsOf(config, defaults);
  }

  protected abstract normalize(x: tf.Tensor): tf.Tensor;

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return inputShape as Shape;
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => this.normalize([inputs].flat()[0] as tf.Tensor));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.options };
  }
}

/** The axes from the front, from one axis or a list of them, of which some may count from the back. */
const axesOf = (axis: unknown, rank: number): number[] =>
  [axis].flat().map((each) => ((each as number) + rank) % rank);

/** A shape with the sizes of some axes, and 1 for the others. */
const along = (axes: readonly number[], shape: Shape): number[] =>
  shape.map((size, i) => (axes.includes(i) ? (size as number) : 1));

const sizesOf = (axes: readonly number[], shape: Shape): number[] =>
  axes.map((axis) => shape[axis] as number);

/** x / √(mean(x²) + ε) · scale over the axes. */
export class RMSNormalization extends Normalizer {
  static readonly className: string = 'RMSNormalization';
  declare scale: LayerVariable;

  constructor(config: Config) {
    super(config, { axis: -1, epsilon: 1e-6 });
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = inputShape as Shape;
    const sizes = sizesOf(axesOf(this.options['axis'], shape.length), shape);
    this.scale = this.addWeight('scale', sizes, 'float32', initializers.ones());
    this.built = true;
  }

  protected override normalize(x: tf.Tensor): tf.Tensor {
    const axes = axesOf(this.options['axis'], x.rank);
    const square = tf.mean(tf.square(x), axes, true);
    const unit = tf.mul(x, tf.rsqrt(tf.add(square, this.options['epsilon'] as number)));
    return tf.mul(unit, tf.reshape(this.scale.read(), along(axes, x.shape)));
  }
}

/** (x − mean) / √(variance + ε) · γ + β over all axes but the batch, for each group of channels. */
export class GroupNormalization extends Normalizer {
  static readonly className: string = 'GroupNormalization';
  declare gamma: LayerVariable | null;
  declare beta: LayerVariable | null;

  constructor(config: Config) {
    super(config, { groups: 32, axis: -1, epsilon: 1e-3, center: true, scale: true });
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = inputShape as Shape;
    const sizes = sizesOf(axesOf(this.options['axis'], shape.length), shape);
    const add = (name: string, start: ReturnType<typeof initializers.ones>): LayerVariable =>
      this.addWeight(name, sizes, 'float32', start);
    this.gamma = this.options['scale'] ? add('gamma', initializers.ones()) : null;
    this.beta = this.options['center'] ? add('beta', initializers.zeros()) : null;
    this.built = true;
  }

  protected override normalize(x: tf.Tensor): tf.Tensor {
    const [axis] = axesOf(this.options['axis'], x.rank) as [number];
    const channels = x.shape[axis] as number;
    const given = this.options['groups'] as number;
    const groups = given === -1 ? channels : given;
    const split = x.shape.flatMap((size, i) => (i === axis ? [groups, channels / groups] : [size]));
    const grouped = tf.reshape(x, split);
    const axes = split.map((_, i) => i).filter((i) => i !== 0 && i !== axis);
    const { mean, variance } = tf.moments(grouped, axes, true);
    const scale = tf.rsqrt(tf.add(variance, this.options['epsilon'] as number));
    const unit = tf.reshape(tf.mul(tf.sub(grouped, mean), scale), x.shape);
    const shape = along([axis], x.shape);
    const scaled = this.gamma === null ? unit : tf.mul(unit, tf.reshape(this.gamma.read(), shape));
    return this.beta === null ? scaled : tf.add(scaled, tf.reshape(this.beta.read(), shape));
  }
}

/** x / ‖x‖ over the axes. */
export class UnitNormalization extends Normalizer {
  static readonly className: string = 'UnitNormalization';

  constructor(config: Config) {
    super(config, { axis: -1 });
  }

  protected override normalize(x: tf.Tensor): tf.Tensor {
    const axes = axesOf(this.options['axis'], x.rank);
    return tf.mul(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), axes, true), 1e-12)));
  }
}

/** (x − mean) / max(√variance, ε), with statistics from `adapt` in Keras, as weights, or given as numbers. */
export class Normalization extends Normalizer {
  static readonly className: string = 'Normalization';
  declare mean: LayerVariable | null;
  declare variance: LayerVariable | null;

  constructor(config: Config) {
    super(config, { axis: -1, mean: null, variance: null, invert: false });
  }

  override build(inputShape: Shape | Shape[]): void {
    const shape = inputShape as Shape;
    const isGiven = this.options['mean'] !== null;
    const axis = this.options['axis'];
    const sizes = axis === null ? [] : sizesOf(axesOf(axis, shape.length), shape);
    const add = (name: string, dtype: 'float32' | 'int32', size: number[]): LayerVariable =>
      this.addWeight(name, size, dtype, initializers.zeros(), undefined, false);
    this.mean = isGiven ? null : add('mean', 'float32', sizes);
    this.variance = isGiven ? null : add('variance', 'float32', sizes);
    if (!isGiven) add('count', 'int32', []);
    this.built = true;
  }

  protected override normalize(x: tf.Tensor): tf.Tensor {
    const axis = this.options['axis'];
    const shape = axis === null ? [] : along(axesOf(axis, x.rank), x.shape);
    const statistic = (weight: LayerVariable | null, value: unknown): tf.Tensor => {
      if (weight !== null) return tf.reshape(weight.read(), shape);
      const given = tf.tensor(value as tf.TensorLike, undefined, 'float32');
      return given.size === 1 ? tf.reshape(given, []) : tf.reshape(given, shape);
    };
    const mean = statistic(this.mean, this.options['mean']);
    const deviation = tf.maximum(tf.sqrt(statistic(this.variance, this.options['variance'])), 1e-7);
    return this.options['invert']
      ? tf.add(tf.mul(x, deviation), mean)
      : tf.div(tf.sub(x, mean), deviation);
  }
}
