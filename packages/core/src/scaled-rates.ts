import type * as tf from '@tensorflow/tfjs-core';
import { MirroredScalar } from './mirrored-scalar.ts';
import { ratesOf } from './rates.ts';

interface Scaled {
  readonly scalar: MirroredScalar;
  /** The variables that have asked for it. */
  readonly variables: Set<tf.Variable>;
}

/**
 * The learning rate of an optimizer as scalar variables: one for each factor that its variables have, so that those
 * with equal factors can be updated together. Without factors there is only one.
 */
export class ScaledRates {
  readonly #scaled = new Map<number, Scaled>();

  /** The scalar of a variable, which follows `write`; `rate` is its first value. Never dispose it. */
  of(variable: tf.Variable, rate: number): tf.Scalar {
    const { learningRate: factor } = ratesOf(variable);
    const { scalar, variables } = this.#scaled.get(factor) ?? this.#add(factor);
    variables.add(variable);
    return scalar.read(rate * factor);
  }

  #add(factor: number): Scaled {
    this.#prune();
    const scaled = { scalar: new MirroredScalar(), variables: new Set<tf.Variable>() };
    this.#scaled.set(factor, scaled);
    return scaled;
  }

  /** Frees the scalars of factors that no variable has any more. */
  #prune(): void {
    for (const [factor, { scalar, variables }] of this.#scaled) {
      for (const variable of variables) {
        const isGone = variable.isDisposed || ratesOf(variable).learningRate !== factor;
        if (isGone) variables.delete(variable);
      }
      if (variables.size > 0) continue;
      scalar.dispose();
      this.#scaled.delete(factor);
    }
  }

  /** Sets the rate of the step. */
  write(rate: number): void {
    for (const [factor, { scalar }] of this.#scaled) scalar.write(rate * factor);
  }

  /** Frees the scalars. */
  dispose(): void {
    for (const { scalar } of this.#scaled.values()) scalar.dispose();
    this.#scaled.clear();
  }
}
