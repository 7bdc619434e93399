/** Gradients of a scaled matrix, and gradients of them, equal differences. */
import type * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { gradientError, higherOrderError } from '../../../test/differences.ts';
import type { Operation } from '../../../test/operations.ts';
import { scaleMatrix } from './scale-matrix.ts';

type T = tf.Tensor;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  rows: { shapes: [[3, 4], [3]], of: (w: T, u: T) => scaleMatrix(w, u, undefined) },
  columns: { shapes: [[3, 4], [4]], of: (w: T, v: T) => scaleMatrix(w, undefined, v) },
  both: { shapes: [[3, 4], [3], [4]], of: (w: T, u: T, v: T) => scaleMatrix(w, u, v) },
};

eachBackend(() => {
  beforeEach(() => enableTraining());
  afterEach(disableTraining);

  it.each(Object.entries(OPERATIONS))('scaled along %s', (_, operation) => {
    expect(gradientError(operation)).toBeLessThan(3e-3);
    expect(higherOrderError(operation, 2)).toBeLessThan(3e-3);
  });
});
