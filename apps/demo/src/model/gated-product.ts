import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import type { Shape } from './rms-norm.ts';

/**
 * silu(gate) · up, with silu(x) = x · sigmoid(x) (Shazeer, 2020: SwiGLU); the derivative is written out.
 *
 * @param gate, up [..., width]
 */
export function gatedProduct(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  const product = tf.customGrad((...args) => {
    const [g, u, save] = args as unknown as [tf.Tensor, tf.Tensor, (tensors: tf.Tensor[]) => void];
    const sigmoid = tf.sigmoid(g);
    const silu = tf.mul(g, sigmoid);
    save([u, sigmoid, silu]);
    return {
      value: tf.mul(silu, u),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [up0, s, silu0] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        // silu' = s + silu · (1 − s)
        const slope = tf.add(s, tf.mul(silu0, tf.sub(1, s)));
        return [tf.mul(tf.mul(dy, up0), slope), tf.mul(dy, silu0)];
      },
    };
  });
  return product(gate, up);
}

/** The product of a gated MLP; takes [gate, up]. */
export class GatedProduct extends layers.Layer {
  static readonly className = 'DemoGatedProduct';

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return (inputShape as Shape[])[0] as Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [gate, up] = inputs as [tf.Tensor, tf.Tensor];
    return tf.tidy(() => gatedProduct(gate, up));
  }
}

tf.serialization.registerClass(GatedProduct);
