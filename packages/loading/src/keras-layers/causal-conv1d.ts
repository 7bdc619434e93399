import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';

type Shape = (number | null)[];

interface Convolution extends layers.Layer {
  readonly kernelSize: readonly number[];
  readonly dilationRate: number | readonly number[];
  call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor;
  computeOutputShape(inputShape: Shape): Shape;
}

const Conv1D = layers.conv1d({ filters: 1, kernelSize: 1 }).constructor as new (
  config: object,
) => Convolution;

/** `Conv1D` with the padding "causal", which tfjs lacks: zeros before the beginning, so that no output sees what is later. */
export class KerasCausalConv1D extends Conv1D {
  static readonly className: string = 'KerasCausalConv1D';

  constructor(config: object) {
    super({ ...config, padding: 'valid' });
  }

  get #left(): number {
    const [dilation] = [this.dilationRate].flat() as [number];
    return dilation * ((this.kernelSize[0] as number) - 1);
  }

  override computeOutputShape(inputShape: Shape): Shape {
    const [batch, length, channels] = inputShape as [number, number | null, number];
    return super.computeOutputShape([
      batch,
      length === null ? null : length + this.#left,
      channels,
    ]);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor {
    return tf.tidy(() => {
      const x = [inputs].flat()[0] as tf.Tensor;
      return super.call(
        tf.pad(x, [
          [0, 0],
          [this.#left, 0],
          [0, 0],
        ]),
        kwargs,
      );
    });
  }
}
