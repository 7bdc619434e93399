/** Every kind of layer that tfjs can train, and steps of training it. Free of test tools, so that a page can use it. */
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { noise, random, values } from './numbers.ts';

type Layer = layers.Layer;

export interface Kind {
  /** Of one input. */
  readonly shape: number[];
  readonly make: () => Layer[];
  /** Set where the input is tokens: numbers below it. */
  readonly vocabulary?: number;
}

const same = { padding: 'same', activation: 'tanh' } as const;
// The default of recurrent layers needs the union package.
const start = { recurrentInitializer: 'zeros' } as const;

export const ZOO: Readonly<Record<string, Kind>> = {
  'dense, batchNormalization, layerNormalization and prelu': {
    shape: [12],
    make: () => [
      layers.dense({ units: 40 }),
      layers.batchNormalization(),
      layers.prelu(),
      layers.dense({ units: 17, activation: 'tanh' }),
      layers.layerNormalization(),
    ],
  },
  embedding: {
    shape: [6],
    vocabulary: 11,
    make: () => [
      layers.embedding({ inputDim: 11, outputDim: 5 }),
      layers.layerNormalization(),
      layers.dense({ units: 8, activation: 'relu' }),
    ],
  },
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
  'conv3d and its strides': {
    shape: [5, 6, 6, 2],
    make: () => [
      layers.conv3d({ ...same, filters: 3, kernelSize: 3, strides: 2 }),
      layers.conv3d({ filters: 2, kernelSize: 2 }),
    ],
  },
  conv3dTranspose: {
    shape: [2, 3, 2, 3],
    make: () => [
      layers.conv3dTranspose({ ...same, filters: 4, kernelSize: 3, strides: 2 }) as Layer,
      layers.conv3dTranspose({ filters: 2, kernelSize: 2 }) as Layer,
    ],
  },
  simpleRNN: {
    shape: [5, 4],
    make: () => [layers.simpleRNN({ ...start, units: 7 })],
  },
  lstm: {
    shape: [5, 4],
    make: () => [
      layers.lstm({ ...start, units: 6, returnSequences: true }),
      layers.lstm({ ...start, units: 5 }),
    ],
  },
  gru: {
    shape: [5, 4],
    make: () => [layers.gru({ ...start, units: 6, goBackwards: true })],
  },
  convLstm2d: {
    shape: [3, 6, 6, 2],
    make: () => [
      layers.convLstm2d({ ...start, filters: 3, kernelSize: 3, padding: 'same' }) as Layer,
    ],
  },
};

/** Steps of a model of these layers and a dense one on the backend in use: the losses, then each weight. */
export async function trainKind(kind: Kind, steps: number): Promise<number[][]> {
  const { shape, make, vocabulary } = kind;
  const model = sequential({ layers: [layers.inputLayer({ inputShape: shape }), ...make()] });
  if ((model.outputShape as number[]).length > 2) model.add(layers.flatten());
  model.add(layers.dense({ units: 2 }));
  const next = random(1);
  const draw = (ofShape: number[], scale: number): tf.Tensor =>
    tf.tensor(noise(next, tf.util.sizeFromShape(ofShape), scale), ofShape);
  const initial = model.getWeights().map((weight) => draw(weight.shape, 0.3));
  model.setWeights(initial);
  const [noisy, y] = [draw([4, ...shape], 1), draw([4, 2], 1)];
  const x =
    vocabulary === undefined
      ? tf.clone(noisy)
      : tf.tidy(() => tf.floor(tf.mul(vocabulary / 2, tf.add(noisy, 1))));
  const optimizer = tf.train.sgd(0.05);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    losses.push((await model.trainOnBatch(x, y)) as number);
  }
  const trained = [losses, ...model.getWeights().map(values)];
  tf.dispose([noisy, x, y, initial]);
  model.dispose();
  optimizer.dispose();
  return trained;
}
