import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  input,
  type LayersModel,
  layers,
  sequential,
} from '@tensorflow/tfjs-layers';
import type { Backend } from '../../../test/backends.ts';
import { withMultipliers } from '../src/index.ts';
import { CASES, modelOf } from './layers.ts';
import { numbers } from './numbers.ts';

type Layer = layers.Layer;
type Symbolic = ReturnType<typeof input>;
type Wrap = (layer: Layer) => Layer;

export const plain: Wrap = (layer) => layer;
export const all: Wrap = (layer) => withMultipliers(layer, { scalar: true });

export function mlp(wrap: Wrap): LayersModel {
  return sequential({
    name: 'mlp',
    layers: [
      wrap(layers.dense({ units: 6, activation: 'relu', inputShape: [3], name: 'hidden' })),
      layers.batchNormalization({ name: 'norm' }),
      wrap(layers.dense({ units: 2, name: 'out', useBias: false })),
    ],
  });
}

/** Two inputs through one encoder, which is a nested model, joined, and one layer used twice. */
export function siamese(wrap: Wrap): LayersModel {
  const encoder = sequential({
    name: 'encoder',
    layers: [
      wrap(layers.dense({ units: 4, inputShape: [3], name: 'first' })),
      wrap(layers.dense({ units: 4, activation: 'tanh', name: 'second' })),
    ],
  });
  const shared = wrap(layers.dense({ units: 4, name: 'shared' }));
  const inputs = [input({ shape: [3], name: 'left' }), input({ shape: [3], name: 'right' })];
  const encoded = inputs.map((at) => shared.apply(shared.apply(encoder.apply(at))) as Symbolic);
  const joined = layers.concatenate({ name: 'join' }).apply(encoded) as Symbolic;
  const outputs = [
    wrap(layers.dense({ units: 2, name: 'a' })),
    wrap(layers.dense({ units: 1, name: 'b' })),
  ];
  return functional({
    name: 'siamese',
    inputs,
    outputs: outputs.map((layer) => layer.apply(joined) as Symbolic),
  });
}

export function sentences(wrap: Wrap): LayersModel {
  return sequential({
    name: 'sentences',
    layers: [
      wrap(
        layers.embedding({
          inputDim: 9,
          outputDim: 4,
          inputLength: 5,
          maskZero: true,
          name: 'tokens',
        }),
      ),
      layers.timeDistributed({
        layer: wrap(layers.dense({ units: 3, name: 'each' })),
        name: 'every',
      }),
      layers.globalAveragePooling1d({ name: 'pool' }),
      wrap(layers.dense({ units: 2, name: 'out' })),
    ],
  });
}

export const MODELS: readonly {
  readonly title: string;
  readonly build: (wrap: Wrap) => LayersModel;
  readonly inputs: () => tf.Tensor[];
  readonly runsOn?: readonly Backend[];
  /** The options for a layer of a class that is not known. */
  readonly options?: { readonly kernels: readonly string[] };
}[] = [
  { title: 'an MLP', build: mlp, inputs: () => [tf.tensor2d(numbers(5, 12, -1, 1), [4, 3])] },
  {
    title: 'nested and shared layers',
    build: siamese,
    inputs: () => [6, 7].map((at) => tf.tensor2d(numbers(at, 12, -1, 1), [4, 3])),
  },
  {
    title: 'an embedding, and a layer inside TimeDistributed',
    build: sentences,
    inputs: () => [
      tf.tensor2d([
        [1, 8, 3, 2, 5],
        [4, 4, 1, 7, 6],
      ]),
    ],
  },
  ...CASES.map(({ title, layer, input: one, options, runsOn }) => ({
    ...(runsOn === undefined ? {} : { runsOn }),
    ...(options === undefined ? {} : { options }),
    title,
    build: (wrap: Wrap): LayersModel =>
      modelOf(wrap === plain ? layer() : withMultipliers(layer(), { scalar: true, ...options })),
    inputs: () => [one()],
  })),
];

export const predict = (model: LayersModel, inputs: tf.Tensor[]): number[] =>
  tf.tidy(() =>
    [model.predict(inputs.length === 1 ? (inputs[0] as tf.Tensor) : inputs)]
      .flat()
      .flatMap((at) => [...at.dataSync()]),
  );
export const weightNames = (model: Layer): string[] =>
  model.weights.map(({ originalName }) => originalName).sort();
export const values = (model: Layer): number[][] =>
  model.weights.map((weight) => [...weight.read().dataSync()]);
