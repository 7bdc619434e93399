/** Layers of Keras without weights that tfjs lacks. */
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { type Config, type Options, optionsOf } from './options.ts';

type Shape = (number | null)[];
type Inputs = tf.Tensor | tf.Tensor[];

abstract class Reshaper extends layers.Layer {
  protected readonly options: Options;

  constructor(config: Config, defaults: Options) {
    super(config as object);
    this.options = optionsOf(config, defaults);
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.options };
  }
}

/** [batch, length, channels], with zeros before and after. */
export class ZeroPadding1D extends Reshaper {
  static readonly className: string = 'ZeroPadding1D';

  constructor(config: Config) {
    super(config, { padding: 1 });
  }

  get #padding(): [number, number] {
    const [before, after = before] = [this.options['padding']].flat() as [number, number?];
    return [before, after as number];
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, length, channels] = inputShape as [number, number | null, number];
    return [batch, length === null ? null : length + this.#padding[0] + this.#padding[1], channels];
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => tf.pad([inputs].flat()[0] as tf.Tensor, [[0, 0], this.#padding, [0, 0]]));
  }
}

/** [batch, length, channels] without its beginning and end. */
export class Cropping1D extends Reshaper {
  static readonly className: string = 'Cropping1D';

  constructor(config: Config) {
    super(config, { cropping: 1 });
  }

  get #cropping(): [number, number] {
    const [before, after = before] = [this.options['cropping']].flat() as [number, number?];
    return [before, after as number];
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, length, channels] = inputShape as [number, number | null, number];
    return [
      batch,
      length === null ? null : length - this.#cropping[0] - this.#cropping[1],
      channels,
    ];
  }

  override call(inputs: Inputs): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor;
      const [before, after] = this.#cropping;
      return tf.slice(x, [0, before, 0], [-1, (x.shape[1] as number) - before - after, -1]);
    });
  }
}

/** The first of two inputs without the second. */
export class Subtract extends Reshaper {
  static readonly className: string = 'Subtract';

  constructor(config: Config) {
    super(config, {});
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [a, b] = inputShape as [Shape, Shape];
    const rank = Math.max(a.length, b.length);
    const sizes = (shape: Shape): Shape => [...Array(rank - shape.length).fill(1), ...shape];
    const others = sizes(b);
    return sizes(a).map((size, i) => (size === 1 ? (others[i] as number | null) : size));
  }

  override call(inputs: Inputs): tf.Tensor {
    const [a, b] = inputs as [tf.Tensor, tf.Tensor];
    return tf.tidy(() => tf.sub(a, b));
  }
}

/** The mean or maximum over all places, which keep their axes with the size 1. */
abstract class KeptPooling extends Reshaper {
  constructor(config: Config) {
    super(config, { dataFormat: 'channels_last' });
  }

  protected abstract pool(x: tf.Tensor, axes: number[]): tf.Tensor;

  #axes(rank: number): number[] {
    const isFirst = /First|first/.test(this.options['dataFormat'] as string);
    return Array.from({ length: rank - 2 }, (_, i) => i + (isFirst ? 2 : 1));
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = inputShape as Shape;
    const axes = this.#axes(shape.length);
    return shape.map((size, i) => (axes.includes(i) ? 1 : size));
  }

  override call(inputs: Inputs): tf.Tensor {
    const x = [inputs].flat()[0] as tf.Tensor;
    return tf.tidy(() => this.pool(x, this.#axes(x.rank)));
  }
}

/** GlobalAveragePooling of any rank with `keepdims=True`. */
export class KerasGlobalAveragePooling extends KeptPooling {
  static readonly className: string = 'KerasGlobalAveragePooling';

  protected override pool(x: tf.Tensor, axes: number[]): tf.Tensor {
    return tf.mean(x, axes, true);
  }
}

/** GlobalMaxPooling of any rank with `keepdims=True`. */
export class KerasGlobalMaxPooling extends KeptPooling {
  static readonly className: string = 'KerasGlobalMaxPooling';

  protected override pool(x: tf.Tensor, axes: number[]): tf.Tensor {
    return tf.max(x, axes, true);
  }
}

/** GlobalAveragePooling1D over what is not padding, which tfjs does not leave out. */
export class KerasMaskedAveragePooling1D extends Reshaper {
  static readonly className: string = 'KerasMaskedAveragePooling1D';

  constructor(config: Config) {
    super(config, {});
    this.supportsMasking = true;
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, , channels] = inputShape as [number, number | null, number];
    return [batch, channels];
  }

  override computeMask(): tf.Tensor {
    return null as unknown as tf.Tensor;
  }

  override call(inputs: Inputs, kwargs: { mask?: tf.Tensor | null } = {}): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor;
      if (kwargs.mask == null) return tf.mean(x, 1);
      // tfjs' Add puts an axis before its mask.
      const mask = tf.reshape(kwargs.mask, [x.shape[0], x.shape[1] as number, 1]);
      const seen = tf.cast(mask, 'float32'); // [batch, length, 1]
      return tf.div(tf.sum(tf.mul(x, seen), 1), tf.sum(seen, 1));
    });
  }
}
