import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inputsOf, OPERATIONS, type Operation } from '../../../../test/operations.ts';
import { values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';
import { compile } from './compile.ts';

/** The gradient of Σ operation² for each input, and the gradient of the squares of all of these. */
const gradientsOf =
  ({ of }: Operation) =>
  (...inputs: tf.Tensor[]): tf.Tensor[] => {
    const loss = (...at: tf.Tensor[]): tf.Scalar => tf.sum(tf.square(of(...at)));
    const first = tf.grads(loss);
    const penalty = (...at: tf.Tensor[]): tf.Scalar =>
      tf.addN(first(at).map((gradient) => tf.sum(tf.square(gradient)))) as tf.Scalar;
    return [...first(inputs), ...tf.grads(penalty)(inputs)];
  };

const read = (make: () => tf.Tensor[]): number[][] => {
  let results: number[][] = [];
  tf.tidy(() => {
    results = make().map((tensor) => values(tensor));
  });
  return results;
};

let compared = 0;

/** What is wrong with the compiled gradients; null where nothing is, or where eager ones are refused too. */
function fault(operation: Operation): string | null {
  const step = gradientsOf(operation);
  const inputs = inputsOf(operation);
  let eager: number[][];
  try {
    eager = read(() => step(...inputs));
  } catch {
    return null;
  }
  const compiled = compile(step);
  try {
    compared++;
    // The second call runs what the first recorded.
    for (let call = 0; call < 2; call++)
      for (const [i, result] of read(() => compiled(...inputs)).entries())
        for (const [j, value] of result.entries()) {
          const expected = eager[i]![j]!;
          if (!(Math.abs(value - expected) <= 1e-4 * (1 + Math.abs(expected))))
            return `call ${call + 1}: ${value} instead of ${expected}`;
        }
    return null;
  } catch (error) {
    return String((error as Error).message);
  } finally {
    compiled.dispose();
    tf.dispose(inputs);
  }
}

onTensorFlow(() => {
  beforeAll(() => enableTraining());
  afterAll(disableTraining);

  it('gradients that enableTraining registers, and theirs, are the same compiled', () => {
    const faults = Object.entries(OPERATIONS)
      // Each call of a compiled dropout draws anew.
      .filter(([name]) => name !== 'dropout')
      .map(([name, make]) => [name, fault(make(1))] as const)
      .filter(([, why]) => why !== null);
    expect(faults).toEqual([]);
    expect(compared).toBeGreaterThan(300);
  });
});
