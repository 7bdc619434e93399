/** Models of tf.layers as public programs train them, on noise of the shapes that those have. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';

export type LayersModelName =
  | 'mlp 256-256-256-10'
  | 'convnet 8-16'
  | 'lstm 64'
  | 'mlp 784-128-64-10'
  | 'convnet of 5 × 5'
  | 'lstm of characters'
  | 'gru of weather'
  | 'iris';

interface Recipe {
  /** [batch, …] */
  readonly input: readonly number[];
  readonly layers: () => layers.Layer[];
}

const dense = (units: number, activation?: 'relu' | 'sigmoid'): layers.Layer =>
  layers.dense({ units, ...(activation === undefined ? {} : { activation }) });
const convolution = (filters: number, kernelSize: number, padding: 'same' | 'valid') =>
  layers.conv2d({ filters, kernelSize, padding, activation: 'relu' });
const pooling = (): layers.Layer => layers.maxPooling2d({ poolSize: 2 });
// The default of recurrent kernels, orthogonal, needs the union package.
const recurrent = { recurrentInitializer: 'glorotNormal' } as const;

const RECIPES: Readonly<Record<LayersModelName, Recipe>> = {
  'mlp 256-256-256-10': {
    input: [256, 256],
    layers: () => [dense(256, 'relu'), dense(256, 'relu'), dense(10)],
  },
  'convnet 8-16': {
    input: [32, 28, 28, 1],
    layers: () => [
      ...[convolution(8, 3, 'same'), pooling(), convolution(16, 3, 'same'), pooling()],
      ...[layers.flatten(), dense(10)],
    ],
  },
  'lstm 64': {
    input: [32, 16, 32],
    layers: () => [layers.lstm({ units: 64, ...recurrent }), dense(10)],
  },
  // Digits of 28 × 28, flattened.
  'mlp 784-128-64-10': {
    input: [32, 784],
    layers: () => [dense(128, 'relu'), dense(64, 'relu'), dense(10)],
  },
  // The tutorial on handwritten digits.
  'convnet of 5 × 5': {
    input: [32, 28, 28, 1],
    layers: () => [
      ...[convolution(8, 5, 'valid'), pooling(), convolution(16, 5, 'valid'), pooling()],
      ...[layers.flatten(), dense(10)],
    ],
  },
  // Next characters of a text.
  'lstm of characters': {
    input: [32, 20, 30],
    layers: () => [layers.lstm({ units: 64, ...recurrent }), dense(30)],
  },
  // The weather of a day, from 14 instruments.
  'gru of weather': {
    input: [32, 24, 14],
    layers: () => [layers.gru({ units: 32, ...recurrent }), dense(1)],
  },
  iris: { input: [16, 4], layers: () => [dense(10, 'sigmoid'), dense(3)] },
};

/** The model, with a batch of noise for its inputs and targets. */
export function layersModel(name: LayersModelName): {
  model: LayersModel;
  x: tf.Tensor;
  y: tf.Tensor;
} {
  const { input, layers: make } = RECIPES[name];
  const [batch, ...inputShape] = input as [number, ...number[]];
  const model = sequential({ layers: [layers.inputLayer({ inputShape }), ...make()] });
  const outputs = model.outputs[0]?.shape.at(-1) as number;
  return {
    model,
    x: tf.randomNormal([batch, ...inputShape], 0, 1, 'float32', 1),
    y: tf.randomNormal([batch, outputs], 0, 1, 'float32', 2),
  };
}
