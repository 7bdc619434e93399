/** Small models and endless data for them: what `npm run study:diagnose` trains. */
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { languageModel } from '@tfjs-lrm/language-model';
import { crossEntropy } from '@tfjs-lrm/layers';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random numbers of one run. */
export interface Random {
  readonly uniform: () => number;
  readonly normal: () => number;
}

export function randomOf(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const uniform = (): number => uniformFloat64(generator);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** Inputs and targets, flat, with the shape of each. */
export interface Batch {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** A model, its data and its loss. */
export interface Task {
  readonly name: string;
  readonly learningRate: number;
  readonly inputs: readonly number[];
  readonly targets: readonly number[];
  readonly make: (seed: number) => LayersModel;
  readonly draw: (random: Random) => Batch;
  readonly loss: (y: tf.Tensor, predicted: tf.Tensor) => tf.Scalar;
}

const BATCH = 32;

const classified = (y: tf.Tensor, logits: tf.Tensor): tf.Scalar =>
  tf.losses.softmaxCrossEntropy(y, logits) as tf.Scalar;
const ofIds = (y: tf.Tensor, logits: tf.Tensor): tf.Scalar => crossEntropy(y, logits);

/** A fixed random matrix, the same for every run: the world to learn. */
function matrix(rows: number, columns: number, seed: number): number[][] {
  const { normal } = randomOf(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => normal() / Math.sqrt(rows)),
  );
}

const times = (x: readonly number[], m: readonly (readonly number[])[]): number[] =>
  (m[0] as readonly number[]).map((_, j) =>
    x.reduce((sum, value, i) => sum + value * ((m[i] as number[])[j] as number), 0),
  );

/** Examples one after the other. */
function batchOf(example: () => { x: readonly number[]; y: readonly number[] }): Batch {
  const examples = Array.from({ length: BATCH }, example);
  return {
    x: Float32Array.from(examples.flatMap(({ x }) => x)),
    y: Float32Array.from(examples.flatMap(({ y }) => y)),
  };
}

const normals = ({ normal }: Random, length: number): number[] => Array.from({ length }, normal);
const oneHot = (at: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (i === at ? 1 : 0));
const largest = (values: readonly number[]): number => values.indexOf(Math.max(...values));

const WORLD = [matrix(24, 16, 1), matrix(16, 8, 2)] as const;
const hidden = (x: readonly number[]): number[] =>
  times(
    times(x, WORLD[0]).map((value) => Math.tanh(2 * value)),
    WORLD[1],
  );

const dense = (units: number, name: string, options = {}) =>
  layers.dense({ units, name, ...options });

const classifier: Task = {
  name: 'classifier',
  learningRate: 4e-3,
  inputs: [BATCH, 24],
  targets: [BATCH, 8],
  make: () =>
    sequential({
      layers: [
        layers.inputLayer({ inputShape: [24] }),
        dense(48, 'before_norm', { useBias: false }),
        layers.layerNormalization({ name: 'norm' }),
        layers.activation({ activation: 'relu' }),
        dense(48, 'hidden', { activation: 'relu' }),
        dense(8, 'head'),
      ],
    }),
  draw: (random) =>
    batchOf(() => {
      const x = normals(random, 24);
      const label = random.uniform() < 0.1 ? Math.floor(8 * random.uniform()) : largest(hidden(x));
      return { x, y: oneHot(label, 8) };
    }),
  loss: classified,
};

const IMAGES = matrix(6, 64, 4).map((row) => row.map((value) => 2.4 * value));
const images: Task = {
  name: 'images',
  learningRate: 4e-3,
  inputs: [BATCH, 8, 8, 1],
  targets: [BATCH, 6],
  make: () =>
    sequential({
      layers: [
        layers.inputLayer({ inputShape: [8, 8, 1] }),
        layers.conv2d({ filters: 12, kernelSize: 3, useBias: false, name: 'conv_before_norm' }),
        layers.batchNormalization({ name: 'batch_norm' }),
        layers.activation({ activation: 'relu' }),
        layers.conv2d({ filters: 16, kernelSize: 3, activation: 'relu', name: 'conv' }),
        layers.flatten(),
        dense(32, 'hidden', { activation: 'relu' }),
        dense(6, 'head'),
      ],
    }),
  draw: (random) =>
    batchOf(() => {
      const label = Math.floor(6 * random.uniform());
      const image = IMAGES[label] as number[];
      return { x: image.map((value) => value + random.normal()), y: oneHot(label, 6) };
    }),
  loss: classified,
};

const SYMBOLS = 16;
const LENGTH = 12;
/** From each pair of symbols, three symbols can follow, with probabilities 0.6, 0.3 and 0.1. */
const FOLLOWERS = (() => {
  const { uniform } = randomOf(5);
  return Array.from({ length: SYMBOLS ** 2 }, () =>
    Array.from({ length: 3 }, () => Math.floor(SYMBOLS * uniform())),
  );
})();

function sequences(random: Random): Batch {
  return batchOf(() => {
    const symbols = [0, 0].map(() => Math.floor(SYMBOLS * random.uniform()));
    while (symbols.length < LENGTH + 1) {
      const [a, b] = symbols.slice(-2) as [number, number];
      const u = random.uniform();
      const followers = FOLLOWERS[a * SYMBOLS + b] as number[];
      symbols.push(followers[u < 0.6 ? 0 : u < 0.9 ? 1 : 2] as number);
    }
    return { x: symbols.slice(0, LENGTH), y: symbols.slice(1) };
  });
}

const language: Task = {
  name: 'transformer',
  learningRate: 4e-3,
  inputs: [BATCH, LENGTH],
  targets: [BATCH, LENGTH],
  make: (seed) => languageModel({ width: 24, blocks: 1, heads: 2, mlp: 48 }, SYMBOLS, false, seed),
  draw: sequences,
  loss: ofIds,
};

/** Not one of the study: its losses change with S, so that they give no truth. */
export const lstm: Task = {
  name: 'lstm',
  learningRate: 4e-3,
  inputs: [BATCH, LENGTH],
  targets: [BATCH, LENGTH],
  make: () =>
    sequential({
      layers: [
        layers.embedding({
          ...{ inputDim: SYMBOLS, outputDim: 24, inputLength: LENGTH, name: 'embedding' },
        }),
        // The default of recurrent kernels, orthogonal, needs the union package.
        layers.lstm({
          ...{ units: 48, returnSequences: true, recurrentInitializer: 'glorotNormal' },
          name: 'lstm',
        }),
        dense(SYMBOLS, 'head'),
      ],
    }),
  draw: sequences,
  loss: ofIds,
};

/** The models of the study. */
export const TASKS: readonly Task[] = [classifier, images, language];
