/** One call of a step, with its results as a list of tensors that belong to the caller. */
import * as tf from '@tensorflow/tfjs-core';
import { checkResult } from './mistakes.ts';

export type Result = tf.Tensor | null | readonly (tf.Tensor | null)[];
export type Arguments = readonly (tf.Tensor | null)[];

/** What a step returned: one result or an array, and which are null. */
export interface ResultForm {
  readonly isArray: boolean;
  readonly nulls: readonly boolean[];
}

/** Puts tensors back in their positions in the step's result. */
export function shaped<R>({ isArray, nulls }: ResultForm, results: readonly tf.Tensor[]): R {
  const rest = [...results];
  const list = nulls.map((isNull) => (isNull ? null : (rest.shift() as tf.Tensor)));
  return (isArray ? list : list[0]) as R;
}

export class StepCall {
  readonly #step: (...batch: never[]) => unknown;
  /** The tensors that the caller already has. */
  readonly #batch: Arguments;
  form: ResultForm = { isArray: false, nulls: [] };

  constructor(step: (...batch: never[]) => unknown, batch: Arguments) {
    this.#step = step;
    this.#batch = batch;
  }

  /** Runs the step on the batch, or on copies of it. */
  run(batch: Arguments = this.#batch): tf.Tensor[] {
    return tf.tidy(() => {
      // Arguments are values: a recording could not assign to a variable that comes as one.
      const args = batch.map((each) => (each instanceof tf.Variable ? tf.clone(each) : each));
      const result = this.#step(...(args as never[]));
      checkResult(result);
      const list = (Array.isArray(result) ? result : [result]) as (tf.Tensor | null)[];
      this.form = {
        isArray: Array.isArray(result),
        nulls: list.map((tensor) => tensor == null),
      };
      // A tensor that the caller already has is not returned a second time.
      const isHeld = (tensor: tf.Tensor): boolean =>
        tensor instanceof tf.Variable || batch.includes(tensor) || this.#batch.includes(tensor);
      return list
        .filter((tensor) => tensor != null)
        .map((tensor, i, all) =>
          isHeld(tensor) || all.indexOf(tensor) < i ? tf.clone(tensor) : tensor,
        );
    });
  }
}
