/** Computations as one function of TensorFlow. */
import * as tf from '@tensorflow/tfjs-core';
import { compile } from '@tfjs-lrm/native';
import type { Compute } from './evaluate.ts';

/** The first call runs, the second records, and the third is the first that the function itself computes. */
const CALLS = 3;

/** What the compiled function returns once it computes by itself. */
export const compiled =
  (compute: Compute): Compute =>
  () => {
    const step = compile(compute, { verify: 0 });
    try {
      let results: (tf.Tensor | null)[] = [];
      for (let call = 0; call < CALLS; call++) {
        tf.dispose(results as tf.Tensor[]);
        results = step();
      }
      if (step.traces !== 1)
        throw new Error(`it is recorded ${step.traces} times in ${CALLS} calls`);
      return results;
    } finally {
      step.dispose();
    }
  };
