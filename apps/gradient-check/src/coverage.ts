/** Which of the gradients that `enableTraining()` registers are computed, and which are differentiated themselves. */
import * as tf from '@tensorflow/tfjs-core';

/** The mark of a gradient that is not tfjs' own; see enable-training.ts of @tfjs-lrm/kernels. */
const STOCK = Symbol.for('tfjs-lrm/kernels/stock');

/** The operations whose custom gradients have names of their own. */
const SCOPES = ['logSoftmax__op', 'softmaxCrossEntropy__op'];

export interface Coverage {
  /** All gradients that are registered. */
  readonly registered: readonly string[];
  /** Those that were computed. */
  readonly computed: ReadonlySet<string>;
  /** Those that were computed while an outer gradient was recorded, which then differentiates them. */
  readonly differentiated: ReadonlySet<string>;
}

/** Notes from now on which gradients are called, until they are unregistered. */
export function watchGradients(): Coverage {
  const names = [...Object.values(tf).filter((member) => typeof member === 'string'), ...SCOPES];
  const registered = [...new Set(names)].filter((name) => {
    const gradient = tf.getGradient(name);
    return gradient !== undefined && STOCK in gradient;
  });
  const computed = new Set<string>();
  const differentiated = new Set<string>();
  for (const name of registered) {
    const config = tf.getGradient(name);
    const original = Object.getPrototypeOf(config) as tf.GradConfig;
    // That of a division depends on the operation that tfjs records.
    const get = (): tf.GradFunc => {
      const { gradFunc } = original;
      return (...args) => {
        computed.add(name);
        if (tf.engine().state.gradientDepth > 0) differentiated.add(name);
        return gradFunc(...args);
      };
    };
    Object.defineProperty(config, 'gradFunc', { get });
  }
  return { registered, computed, differentiated };
}
