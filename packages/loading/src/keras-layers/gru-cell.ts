import * as tf from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, layers, RNN } from '@tensorflow/tfjs-layers';
import { type KernelPlace, OUTPUTS_LAST } from '@tfjs-lrm/core/kit';
import { type Activation, activationOf } from '../internals.ts';
import { type Config, type Options, optionsOf } from './options.ts';

type Shape = (number | null)[];

/**
 * A step of `GRU(reset_after=True)`, Keras' default, which tfjs lacks: the reset gate applies after the product,
 *
 *     z, r = σ(x·W + b + h·U + c),  h̃ = tanh(x·W + b + r ⊙ (h·U + c)),  h' = z ⊙ h + (1 − z) ⊙ h̃
 *
 * x is [batch, in], h [batch, units]; W is [in, 3 · units], U [units, 3 · units], b and c are the rows of [2, 3 · units].
 */
export class KerasGRUCell extends layers.Layer {
  static readonly className: string = 'KerasGRUCell';
  readonly kernelPlaces: readonly KernelPlace[] = [
    { property: 'kernel', axes: OUTPUTS_LAST },
    { property: 'recurrentKernel', axes: OUTPUTS_LAST },
  ];
  readonly stateSize: number;
  readonly #options: Options;
  readonly #activation: Activation;
  readonly #gate: Activation;
  declare kernel: LayerVariable;
  declare recurrentKernel: LayerVariable;
  declare bias: LayerVariable | null;

  constructor(config: Config) {
    super(config as object);
    this.#options = optionsOf(config, {
      units: 1,
      useBias: true,
      activation: 'tanh',
      recurrentActivation: 'sigmoid',
    });
    const { units, activation, recurrentActivation } = this.#options;
    this.stateSize = units as number;
    this.#activation = activationOf(activation as string);
    this.#gate = activationOf(recurrentActivation as string);
  }

  override build(inputShape: Shape | Shape[]): void {
    const width = (inputShape as Shape).at(-1) as number;
    const units = this.stateSize;
    const start = initializers.glorotUniform({});
    this.kernel = this.addWeight('kernel', [width, 3 * units], 'float32', start);
    this.recurrentKernel = this.addWeight('recurrent_kernel', [units, 3 * units], 'float32', start);
    this.bias = this.#options['useBias']
      ? this.addWeight('bias', [2, 3 * units], 'float32', initializers.zeros())
      : null;
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
    return tf.tidy(() => {
      const [x, h] = inputs as [tf.Tensor2D, tf.Tensor2D];
      const biases = this.bias === null ? [0, 0] : tf.unstack(this.bias.read());
      const parts = (input: tf.Tensor2D, kernel: LayerVariable, i: number): tf.Tensor[] =>
        tf.split(
          tf.add(tf.matMul(input, kernel.read() as tf.Tensor2D), biases[i] as tf.Tensor),
          3,
          1,
        );
      const [xz, xr, xh] = parts(x, this.kernel, 0) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [hz, hr, hh] = parts(h, this.recurrentKernel, 1) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const z = this.#gate.apply(tf.add(xz, hz));
      const r = this.#gate.apply(tf.add(xr, hr));
      const candidate = this.#activation.apply(tf.add(xh, tf.mul(r, hh)));
      const next = tf.add(tf.mul(z, h), tf.mul(tf.sub(1, z), candidate));
      return [next, next];
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.#options };
  }
}

/** Keras' GRU, whose reset gate applies after the product, over a whole sequence. */
export class KerasGRU extends RNN {
  static override readonly className: string = 'KerasGRU';

  constructor(config: Config) {
    super({ ...config, cell: new KerasGRUCell({ ...config, name: 'gru_cell' }) } as never);
  }

  /** Not that of RNN, which takes a configuration with a cell. */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(config);
  }
}
