import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Backend, useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

type Layer = layers.Layer;

/** Ten steps of a model of these layers and a dense one: the losses, then each weight. */
async function train(backend: Backend, shape: number[], make: () => Layer[]): Promise<number[][]> {
  await useBackend(backend);
  const model = sequential({
    layers: [
      layers.inputLayer({ inputShape: shape }),
      ...make(),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ],
  });
  const next = random(1);
  const draw = (ofShape: number[], scale: number) =>
    tf.tensor(noise(next, tf.util.sizeFromShape(ofShape), scale), ofShape);
  const initial = model.getWeights().map((weight) => draw(weight.shape, 0.3));
  model.setWeights(initial);
  const [x, y] = [draw([4, ...shape], 1), draw([4, 2], 1)];
  const optimizer = tf.train.sgd(0.05);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const losses: number[] = [];
  for (let step = 0; step < 10; step++) losses.push((await model.trainOnBatch(x, y)) as number);
  const trained = [losses, ...model.getWeights().map(values)];
  tf.dispose([x, y, initial]);
  model.dispose();
  optimizer.dispose();
  return trained;
}

const same = { padding: 'same', activation: 'tanh' } as const;

const zoo: Record<string, { shape: number[]; make: () => Layer[] }> = {
  'conv1d, its strides and maxPooling1d': {
    shape: [16, 3],
    make: () => [
      layers.conv1d({ ...same, filters: 5, kernelSize: 3 }),
      layers.maxPooling1d({ poolSize: 2 }),
      layers.conv1d({ filters: 4, kernelSize: 3, strides: 2 }),
    ],
  },
  'conv2d, its strides, batchNormalization and averagePooling2d': {
    shape: [9, 8, 3],
    make: () => [
      layers.conv2d({ ...same, filters: 6, kernelSize: 3 }),
      layers.batchNormalization(),
      layers.averagePooling2d({ poolSize: 2 }),
      layers.conv2d({ filters: 5, kernelSize: [3, 2], strides: [1, 2], useBias: false }),
    ],
  },
  'conv2d with the channels first': {
    shape: [3, 6, 6],
    make: () => [
      layers.conv2d({ ...same, filters: 4, kernelSize: 3, dataFormat: 'channelsFirst' }),
      layers.conv2d({ filters: 4, kernelSize: 2, dataFormat: 'channelsFirst' }),
    ],
  },
  conv2dTranspose: {
    shape: [4, 4, 3],
    make: () => [
      layers.conv2dTranspose({ ...same, filters: 5, kernelSize: 3, strides: 2 }),
      layers.conv2dTranspose({ filters: 2, kernelSize: 2 }),
    ],
  },
  'depthwiseConv2d and its strides': {
    shape: [8, 8, 3],
    make: () => [
      layers.depthwiseConv2d({ ...same, kernelSize: 3, depthMultiplier: 2 }),
      layers.depthwiseConv2d({ kernelSize: 3, strides: 2 }),
      layers.depthwiseConv2d({ kernelSize: 2 }),
    ],
  },
  'separableConv2d, its strides, zeroPadding2d and maxPooling2d': {
    shape: [8, 8, 3],
    make: () => [
      layers.separableConv2d({ ...same, filters: 6, kernelSize: 3, depthMultiplier: 2 }),
      layers.zeroPadding2d({ padding: 1 }),
      layers.separableConv2d({ filters: 4, kernelSize: 3, strides: 2 }),
      layers.maxPooling2d({ poolSize: 2 }),
    ],
  },
  'conv3d, which stock tfjs trains wrongly': {
    shape: [5, 6, 6, 2],
    make: () => [
      layers.conv3d({ ...same, filters: 3, kernelSize: 3 }),
      layers.conv3d({ filters: 2, kernelSize: 2 }),
    ],
  },
  convLstm2d: {
    shape: [3, 6, 6, 2],
    make: () => [
      layers.convLstm2d({
        filters: 3,
        kernelSize: 3,
        padding: 'same',
        recurrentInitializer: 'zeros',
      }) as Layer,
    ],
  },
};

describe('ten steps on wasm are ten steps on cpu', () => {
  test.each(Object.entries(zoo))('with %s', async (_, { shape, make }) => {
    const cpu = await train('cpu', shape, make);
    const wasm = await train('wasm', shape, make);
    expect(wasm[0]![9]).toBeLessThan(wasm[0]![0]!);
    for (const [i, expected] of cpu.entries()) expectClose(wasm[i]!, expected, 1e-5, 1e-1);
  });
});

test('stock tfjs trains no convolution of one or two dimensions on wasm', async () => {
  disableTraining();
  for (const [name, { shape, make }] of Object.entries(zoo).filter(
    ([key]) => !key.includes('conv3d'),
  )) {
    await expect(train('wasm', shape, make), name).rejects.toThrow(/Kernel '.*' not registered/);
  }
});
