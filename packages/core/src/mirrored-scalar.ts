import * as tf from '@tensorflow/tfjs-core';
import { hiddenVariable } from './state-store.ts';

/** A JavaScript number with a scalar variable that follows it; the variable is created when first read. */
export class MirroredScalar {
  #variable: tf.Variable | null = null;
  #written = Number.NaN;

  /** The scalar variable; the first call makes it, with this value. Never dispose it. */
  read(value: number): tf.Scalar {
    if (this.#variable === null) {
      this.#variable = hiddenVariable(() => tf.scalar(value));
      this.#written = value;
    }
    return this.#variable as tf.Tensor as tf.Scalar;
  }

  /** Sets the number, for the variable too where it exists. */
  write(value: number): void {
    if (this.#variable === null || value === this.#written) return;
    this.#variable.assign(tf.scalar(value));
    this.#written = value;
  }

  /** Frees the variable. */
  dispose(): void {
    this.#variable?.dispose();
  }
}
