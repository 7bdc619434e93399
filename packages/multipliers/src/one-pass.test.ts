/** What wasm computes in one pass after `enableTraining()` equals what operations of tfjs compute. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import {
  expectClose,
  kernelsRunBy,
  noise,
  random,
  tensorsLeftBy,
  values,
  variable,
} from '../../../test/tensors.ts';
import { multiply } from './index.ts';

beforeAll(() => useBackend('wasm'));
afterEach(disableTraining);

const tensor = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

type Factors = 'row' | 'column' | 'scalar';
const SHAPES: Readonly<Record<Factors, number[]>> = { row: [7], column: [5], scalar: [] };

describe.each<[Factors[]]>([
  [['row']],
  [['column']],
  [['row', 'column']],
  [['row', 'column', 'scalar']],
])('multiply by %s', (names) => {
  const of = (kernel: tf.Tensor, ...factors: tf.Tensor[]): tf.Tensor =>
    multiply(kernel, Object.fromEntries(names.map((name, i) => [name, factors[i]])));
  const inputsOf = (): tf.Tensor[] => [
    tensor([5, 7], 1),
    ...names.map((name, i) => tensor(SHAPES[name], i + 2)),
  ];
  const loss = (...inputs: tf.Tensor[]): tf.Tensor =>
    tf.sum(tf.mul(of(...(inputs as [tf.Tensor])), tensor([5, 7], 9)));
  const computed = (inputs: tf.Tensor[]): number[][] =>
    tf.tidy(() => [of(...(inputs as [tf.Tensor])), ...tf.grads(loss)(inputs)].map(values));

  test('value and gradients', async () => {
    const inputs = inputsOf();
    const expected = computed(inputs);
    enableTraining();
    const left = await tensorsLeftBy(() => {
      const kernels = kernelsRunBy(() => {
        computed(inputs).forEach((actual, i) => {
          expectClose(actual, expected[i]!, 1e-5);
        });
      });
      expect(kernels).toEqual(expect.arrayContaining(['LrmScale', 'LrmScaleGradient']));
    });
    expect(left).toBe(0);
    tf.dispose(inputs);
  });

  test('gradients of gradients', () => {
    const ofGradients = () =>
      tf.tidy(() => {
        const penalty = (...inputs: tf.Tensor[]): tf.Tensor =>
          tf.addN(
            tf
              .grads(loss)(inputs)
              .map((g) => tf.sum(tf.square(g))),
          );
        return tf.grads(penalty)(inputsOf()).map(values);
      });
    const expected = ofGradients();
    enableTraining();
    ofGradients().forEach((actual, i) => {
      expectClose(actual, expected[i]!, 1e-5);
    });
  });
});

test('Adam in one pass has the bits of its operations, in small variables and large ones', () => {
  const train = (): number[][] => {
    const shapes = [[3], [5, 7], [], [60, 70]];
    const weights = shapes.map((shape, i) =>
      variable(noise(random(i + 1), tf.util.sizeFromShape(shape)), shape),
    );
    const optimizer = adam({ learningRate: 0.1 });
    for (let step = 0; step < 5; step++) {
      optimizer.minimize(
        () =>
          tf.tidy(() =>
            tf.addN(weights.map((w) => tf.sum(tf.square(tf.sub(w, step))))),
          ) as tf.Scalar,
      );
    }
    const trained = weights.map(values);
    optimizer.dispose();
    tf.dispose(weights);
    return trained;
  };
  const expected = train();
  enableTraining();
  let actual: number[][] = [];
  const kernels = kernelsRunBy(() => {
    actual = train();
  });
  expect(kernels).toContain('LrmAdam');
  expect(actual).toEqual(expected);
});
