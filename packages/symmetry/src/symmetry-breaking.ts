import * as tf from '@tensorflow/tfjs-core';
import { initializers } from '@tensorflow/tfjs-layers';
import { checkOptions, knownOptions, numberRule, type Rule, savedData } from '@tfjs-lrm/core/kit';

/** The amount of randomness, and its seed. */
export interface SpreadOptions {
  /** The standard deviation of the factors' logarithms, in nats: 0.1 is ten per cent. */
  readonly spread: number;
  /** The seed of the random numbers, a whole number. */
  readonly seed: number;
}

/** An initializer object of tfjs-layers, whose class it does not export. */
export type Initializer = ReturnType<typeof initializers.ones>;

const Base = Object.getPrototypeOf(initializers.ones().constructor) as new () => Initializer;

/** The rules of the options. */
export const rules: Readonly<Record<'spread' | 'seed', Rule>> = {
  spread: numberRule({ min: 0, try: '0.1' }),
  seed: numberRule({ integer: true, try: '1' }),
};

/** The options, all of which are required. */
export function checkSpread(where: string, options: unknown): void {
  checkOptions(where, options, rules);
  for (const name of ['spread', 'seed'] as const) {
    if ((options as Partial<SpreadOptions>)[name] === undefined) {
      throw new RangeError(
        `${where}: "${name}" must be given. Try ${where === 'breakSymmetry' ? 'breakSymmetry(model, ' : 'symmetryBreaking('}{ spread: 0.1, seed: 1 }).`,
      );
    }
  }
}

class SymmetryBreaking extends Base {
  static readonly className: string = 'LrmSymmetryBreaking';
  readonly #options: SpreadOptions;

  constructor(options: SpreadOptions) {
    super();
    checkSpread('symmetryBreaking', options);
    this.#options = { ...options };
  }

  override apply(shape: number[], dtype?: tf.DataType): tf.Tensor {
    const { spread, seed } = this.#options;
    return tf.tidy(() =>
      tf.cast(tf.exp(tf.randomNormal(shape, 0, spread, 'float32', seed)), dtype ?? 'float32'),
    );
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...this.#options };
  }

  static fromConfig<T extends tf.serialization.Serializable>(
    _cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const saved = knownOptions(savedData('symmetryBreaking', config), Object.keys(rules));
    return new SymmetryBreaking(saved as unknown as SpreadOptions) as unknown as T;
  }
}

tf.serialization.registerClass(SymmetryBreaking as never);

/**
 * An initializer of independent positive random factors with geometric mean 1: e^(spread · N(0, 1)). It is for
 * multipliers, where a layer would otherwise start with equal channels, and for any weight of a tfjs layer that should
 * start near 1. It is registered, so models that use it can be saved and loaded.
 *
 * Weights of the same shape get the same numbers from the same seed, as with the initializers of tfjs: give each its own.
 *
 * @param options spread, the standard deviation of the logarithm, in nats; seed, a whole number
 * @throws TypeError for something that is not an options object, RangeError for a wrong or missing option
 * @see arXiv 2601.04890, sec. 2: multipliers that start at 1
 * @example
 * withMultipliers(tf.layers.dense({ units: 4, inputShape: [3] }), {
 *   initializer: { row: symmetryBreaking({ spread: 0.1, seed: 1 }) },
 * });
 */
export function symmetryBreaking(options: SpreadOptions): Initializer {
  return new SymmetryBreaking(options);
}
