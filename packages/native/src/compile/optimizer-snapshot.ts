/** What tfjs' own optimizers keep in JavaScript, such as the learning rate: part of a recording, which repeats it. */
import type * as tf from '@tensorflow/tfjs-core';
import { fieldsOf } from './internals.ts';

export class OptimizerSnapshot {
  readonly #fields: readonly (readonly [tf.Optimizer, readonly unknown[]])[];

  private constructor(fields: readonly (readonly [tf.Optimizer, readonly unknown[]])[]) {
    this.#fields = fields;
  }

  static take(optimizers: Iterable<tf.Optimizer>): OptimizerSnapshot {
    return new OptimizerSnapshot([...optimizers].map((each) => [each, fieldsOf(each)] as const));
  }

  /** The first optimizer whose numbers or variables have changed; null when none has. */
  changed(): tf.Optimizer | null {
    const change = this.#fields.find(([optimizer, then]) => {
      const now = fieldsOf(optimizer);
      return now.length !== then.length || now.some((field, i) => field !== then[i]);
    });
    return change?.[0] ?? null;
  }
}
