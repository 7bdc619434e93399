/** A small classifier with metrics, its data, and comparisons of its trainings. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { expect } from 'vitest';
import { noise, random, values } from '../../../test/tensors.ts';
import { seedWeights } from './training.ts';

const { dense } = layers.layers;

export function classifier(
  optimizer: tf.Optimizer = adam({ learningRate: 0.02 }),
): layers.Sequential {
  const model = layers.sequential({
    layers: [
      withMultipliers(dense({ units: 6, useBias: false, inputShape: [4] })),
      layers.layers.batchNormalization(),
      layers.layers.activation({ activation: 'tanh' }),
      dense({
        units: 3,
        activation: 'softmax',
        kernelRegularizer: layers.regularizers.l2({ l2: 0.01 }),
      }),
    ],
  });
  seedWeights(model, 1);
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy', 'mse'] });
  return model;
}

/** Two inputs of 4, outputs of 2 and 3 with losses and metrics of their own. */
export function twoHeads(): layers.LayersModel {
  const [a, b] = [layers.input({ shape: [4] }), layers.input({ shape: [4] })];
  const both = layers.layers.add().apply([a, b]) as layers.SymbolicTensor;
  const heads = [2, 3].map(
    (units) => dense({ units, name: `head${units}` }).apply(both) as layers.SymbolicTensor,
  );
  const model = layers.model({ inputs: [a, b], outputs: heads });
  seedWeights(model, 2);
  model.compile({
    optimizer: adam({ learningRate: 0.01 }),
    loss: ['meanSquaredError', 'meanAbsoluteError'],
    metrics: { head2: 'mae', head3: ['mse', 'cosine'] } as never,
  });
  return model;
}

export function data(size: number, seed = 1): [tf.Tensor, tf.Tensor] {
  const next = random(seed);
  const labels = Array.from({ length: size }, () => Math.floor(next() * 3));
  return [
    tf.tensor(noise(next, size * 4), [size, 4]),
    tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), 3), 'float32')),
  ];
}

/** Inputs and targets of `twoHeads`. */
export function dataOfTwoHeads(size: number, seed = 5): [tf.Tensor[], tf.Tensor[]] {
  const next = random(seed);
  const tensor = (width: number): tf.Tensor => tf.tensor(noise(next, size * width), [size, width]);
  return [
    [tensor(4), tensor(4)],
    [tensor(2), tensor(3)],
  ];
}

export const numbersOf = (history: layers.History): number[] =>
  Object.values(history.history).flat().map(Number);
export const weightsOf = (model: layers.LayersModel): number[] =>
  model.getWeights().flatMap(values);

export function expectEqual(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  const differences = actual.map((value, i) => Math.abs(value - (expected[i] as number)));
  expect(Math.max(...differences)).toBeLessThan(1e-5);
}
