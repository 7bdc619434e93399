/** What tfjs cannot train, and what it moves in frozen layers: with multipliers it is the same. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { scrambleWeights } from '../test/layers.ts';
import { predict, values, weightNames } from '../test/models.ts';
import { distance, numbers } from '../test/numbers.ts';
import { addMultipliers, foldMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

const network = (norm: object): LayersModel =>
  sequential({
    layers: [
      layers.conv2d({ filters: 3, kernelSize: 2, inputShape: [4, 4, 2], name: 'conv' }),
      layers.batchNormalization({ name: 'norm', ...norm }),
      layers.flatten(),
      layers.dense({ units: 2, name: 'out' }),
    ],
  });
const compiled = (model: LayersModel): LayersModel => {
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
  return model;
};
const x = (): tf.Tensor => tf.tensor(numbers(1, 96, -1, 1), [3, 4, 4, 2]);
const y = (): tf.Tensor => tf.tensor(numbers(2, 6), [3, 2]);
const failure = async (model: LayersModel): Promise<string> => {
  try {
    await model.trainOnBatch(x(), y());
  } catch (error) {
    return String(error);
  }
  return 'none';
};

describe.each([
  ['scale', { scale: false }],
  ['center', { center: false }],
  ['both', { scale: false, center: false }],
])('batch norm without %s', (_, options) => {
  test('converts, predicts and folds, and training fails as it does in stock tfjs', async () => {
    const source = network(options);
    scrambleWeights(source);
    const added = addMultipliers(source);
    const input = x();
    expect(predict(added, [input])).toEqual(predict(source, [input]));
    scrambleWeights(added);
    const folded = foldMultipliers(added);
    expect(distance(predict(folded, [input]), predict(added, [input]))).toBeLessThan(1e-6);
    expect(weightNames(folded)).toEqual(weightNames(source));
    const inStock = await failure(compiled(source));
    expect(inStock).toMatch(/^TypeError/);
    expect(await failure(compiled(added))).toBe(inStock);
    expect(await failure(compiled(folded))).toBe(inStock);
  });
});

test('training moves the statistics of a frozen batch norm as stock tfjs does, and nothing else frozen', async () => {
  const source = network({});
  for (const name of ['conv', 'norm']) source.getLayer(name).trainable = false;
  const added = addMultipliers(source, {
    placement: ({ name }) => (name === 'conv' ? {} : null),
  });
  const before = values(added.getLayer('conv'));
  for (const model of [source, added]) {
    compiled(model);
    await model.trainOnBatch(x(), y());
  }
  expect(values(added.getLayer('conv'))).toEqual(before);
  const statistics = (model: LayersModel): number[][] => values(model.getLayer('norm'));
  expect(statistics(added)).toEqual(statistics(source));
  const moved = statistics(added).map((weight) => new Set(weight).size > 1);
  // gamma, beta, moving mean and variance
  expect(moved).toEqual([false, false, true, true]);
});
