import * as tf from '@tensorflow/tfjs-core';
import { initializers, layers } from '@tensorflow/tfjs-layers';

type Shape = (number | null)[];
type LayerConfig = ConstructorParameters<typeof layers.Layer>[0];

const EPSILON = 1e-6;

/**
 * x / √(mean(x²) + 1e-6) · gain over the last axis; its derivative is written out, since the one that
 * tfjs composes takes four times as many operations.
 *
 * @param x [..., width]
 * @param gain [width]
 */
export function rmsNorm(x: tf.Tensor, gain: tf.Tensor): tf.Tensor {
  const width = gain.size;
  const rows = tf.customGrad((...args) => {
    const [flat, g, save] = args as unknown as [
      tf.Tensor2D,
      tf.Tensor1D,
      (tensors: tf.Tensor[]) => void,
    ];
    const scale = tf.rsqrt(tf.add(tf.mean(tf.square(flat), -1, true), EPSILON)); // [rows, 1]
    const unit = tf.mul(flat, scale) as tf.Tensor2D;
    save([unit, scale, g]);
    return {
      value: tf.mul(unit, g),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [u, r, gain1] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D];
        const slope = tf.mul(dy, u) as tf.Tensor2D;
        // Sums over rows and columns as products with a vector: reductions are slow on wasm.
        const along = tf.div(tf.matMul(slope, tf.reshape(gain1, [width, 1])), width);
        const dx = tf.mul(tf.sub(tf.mul(dy, gain1), tf.mul(u, along)), r);
        const ones = tf.ones<tf.Rank.R2>([1, slope.shape[0]]);
        return [dx, tf.reshape(tf.matMul(ones, slope), [width])];
      },
    };
  });
  return tf.reshape(rows(tf.reshape(x, [-1, width]), gain), x.shape);
}

/** RMS normalisation over the last axis with a learned gain that starts at 1. */
export class RmsNorm extends layers.Layer {
  static readonly className = 'DemoRmsNorm';
  #gain: ReturnType<layers.Layer['addWeight']> | null = null;

  override build(inputShape: Shape | Shape[]): void {
    const width = (inputShape as Shape).at(-1) as number;
    this.#gain = this.addWeight('gain', [width], 'float32', initializers.ones());
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return inputShape as Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs;
    return tf.tidy(() => rmsNorm(x, this.#gain!.read()));
  }
}

tf.serialization.registerClass(RmsNorm);

export type { LayerConfig, Shape };
