import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { describeLayer, oneOfRule, runOnePass } from '@tfjs-lrm/core/kit';
import {
  ConfiguredLayer,
  type LayerOptions,
  type Options,
  type Shape,
  savedOptions,
} from './configured-layer.ts';
import { withGradient } from './with-gradient.ts';

/** The function on the gate: x·σ(x), x·Φ(x), or its approximation by tanh. */
export type GateActivation = 'silu' | 'gelu' | 'geluTanh';

interface Settings {
  /** The function on the gate. */
  readonly activation: GateActivation;
}

export interface GatedProductOptions extends LayerOptions, Partial<Settings> {}

/** f(x), and f′(x) from x and what is saved with it. */
interface Activation {
  readonly forward: (x: tf.Tensor) => { value: tf.Tensor; saved: tf.Tensor };
  readonly slope: (x: tf.Tensor, value: tf.Tensor, saved: tf.Tensor) => tf.Tensor;
}

const TANH = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

const ACTIVATIONS: Readonly<Record<Exclude<GateActivation, 'silu'>, Activation>> = {
  gelu: {
    forward(x) {
      const saved = tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
      return { value: tf.mul(x, saved), saved };
    },
    slope(x, _, below) {
      const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return tf.add(below, tf.mul(x, density));
    },
  },
  geluTanh: {
    forward(x) {
      const inner = tf.mul(x, tf.add(tf.mul(tf.square(x), TANH * CUBIC), TANH));
      const saved = tf.mul(tf.add(tf.tanh(inner), 1), 0.5);
      return { value: tf.mul(x, saved), saved };
    },
    slope(x, value, half) {
      const inner = tf.add(tf.mul(tf.square(x), 6 * TANH * CUBIC), 2 * TANH);
      return tf.add(half, tf.mul(tf.mul(value, tf.sub(1, half)), inner));
    },
  },
};

function gatedSiluGradient(dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] {
  const [gate, up, sigmoid] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
  return runOnePass('LrmGatedSiluGradient', { dy, gate, sigmoid, up }) as tf.Tensor[];
}

/** silu(gate) · up, whose gradient in one pass needs σ(gate) alone. */
function gatedSilu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  return withGradient(
    [gate, up],
    (g, u) => {
      const sigmoid = tf.sigmoid(g);
      const [value] = runOnePass('LrmGatedSilu', { gate: g, sigmoid, up: u }) ?? [];
      if (value !== undefined) {
        return { value, saved: [g, u, sigmoid], backward: gatedSiluGradient };
      }
      const silu = tf.mul(g, sigmoid);
      return { value: tf.mul(silu, u), saved: [u, sigmoid, silu] };
    },
    (dy, saved) => {
      const [u, sigmoid, silu] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
      const slope = tf.add(sigmoid, tf.mul(silu, tf.sub(1, sigmoid)));
      return [tf.mul(tf.mul(dy, u), slope), tf.mul(dy, silu)];
    },
  );
}

/**
 * f(gate) · up, channel by channel.
 *
 * @param gate, up [..., width]
 */
export function gated(gate: tf.Tensor, up: tf.Tensor, activation: GateActivation): tf.Tensor {
  if (activation === 'silu') return gatedSilu(gate, up);
  const { forward, slope } = ACTIVATIONS[activation];
  return withGradient(
    [gate, up],
    (g, u) => {
      const { value, saved } = forward(g);
      return { value: tf.mul(value, u), saved: [g, u, value, saved] };
    },
    (dy, saved) => {
      const [g, u, value, rest] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      return [tf.mul(tf.mul(dy, u), slope(g, value, rest)), tf.mul(dy, value)];
    },
  );
}

const ABOUT: Options<Settings> = {
  where: 'gatedProduct',
  rules: { activation: oneOfRule(['silu', ...Object.keys(ACTIVATIONS)]) },
  defaults: { activation: 'silu' },
  inputs: ['gate', 'up'],
};

class GatedProduct extends ConfiguredLayer<Settings> {
  static readonly className: string = 'LrmGatedProduct';

  constructor(options: GatedProductOptions = {}) {
    super(ABOUT, options);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [gate, up] = this.shapes(inputShape) as [Shape, Shape];
    const differs = gate.length !== up.length || gate.at(-1) !== up.at(-1);
    if (differs) {
      throw new RangeError(
        `${this.where} must read two inputs of one shape. Received [${gate}] and [${up}].`,
      );
    }
    return gate;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [gate, up] = this.tensors(inputs) as [tf.Tensor, tf.Tensor];
    this.computeOutputShape([gate.shape, up.shape]);
    return tf.tidy(() => gated(gate, up, this.settings.activation));
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(savedOptions(ABOUT, config));
  }
}

tf.serialization.registerClass(GatedProduct);
describeLayer(GatedProduct.className, () => ({ product: ['opaque', 'linear'] }));

/**
 * The product of a gated MLP, f(gate) · up, of two inputs that two Dense layers write. It has no weights.
 *
 * @param options activation: f, 'silu' (x·σ(x)), 'gelu' (x·Φ(x)) or 'geluTanh', and those of every layer
 * @returns a layer from [gate, up], both [..., width], to [..., width]
 * @throws TypeError for something that is not an options object and for an input that is not float32; RangeError for
 *   a wrong option, and for inputs whose shapes differ
 * @see Shazeer, 2020, arXiv 2002.05202, eq. 5 and 6
 * @example
 * gatedProduct({ activation: 'gelu' }).apply([tf.ones([2, 8]), tf.ones([2, 8])]); // [2, 8]
 */
export function gatedProduct(options: GatedProductOptions = {}): layers.Layer {
  return new GatedProduct(options);
}
