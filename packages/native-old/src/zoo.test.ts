/** Every kind of layer trains, is saved and loaded on tensorflow, and gives the numbers of cpu. */
import * as tf from '@tensorflow/tfjs-core';
import { input, layers, model as modelOf, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { loadArtifacts, savedArtifacts } from '../../../test/models.ts';
import { noise, random } from '../../../test/tensors.ts';
import { isLinked } from './linked.ts';

type Apply = (x: SymbolicTensor) => SymbolicTensor;
const of =
  (layer: { apply(x: SymbolicTensor): unknown }): Apply =>
  (x) =>
    layer.apply(x) as SymbolicTensor;
const two = (merge: { apply(x: SymbolicTensor[]): unknown }): Apply => {
  return (x) => merge.apply([of(layers.dense({ units: 6 }))(x), x]) as SymbolicTensor;
};
const image = [6, 6, 2];
const time = [5, 6];

interface Exception {
  /** The layer comes first: tfjs has no gradient of it on any backend. */
  readonly first?: true;
  /** Examples a batch, where not 3: cpu is wrong beyond the first. */
  readonly batch?: number;
}
type Kind = () => readonly [layer: Apply, exampleShape: number[], exception?: Exception];

const ZOO: Readonly<Record<string, Kind>> = {
  activation: () => [of(layers.activation({ activation: 'tanh' })), [6]],
  add: () => [two(layers.add()), [6]],
  alphaDropout: () => [of(layers.alphaDropout({ rate: 0 })), [6]],
  average: () => [two(layers.average()), [6]],
  averagePooling1d: () => [of(layers.averagePooling1d({ poolSize: 2 })), time],
  averagePooling2d: () => [of(layers.averagePooling2d({ poolSize: 2 })), image],
  averagePooling3d: () => [of(layers.averagePooling3d({ poolSize: 2 })), [4, 4, 4, 2]],
  batchNormalization: () => [of(layers.batchNormalization()), [6]],
  bidirectional: () => [
    of(
      layers.bidirectional({
        layer: layers.lstm({ units: 3, returnSequences: true }),
        mergeMode: 'concat',
      }),
    ),
    time,
  ],
  concatenate: () => [two(layers.concatenate()), [6]],
  conv1d: () => [of(layers.conv1d({ filters: 3, kernelSize: 2 })), time],
  conv2d: () => [of(layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same' })), image],
  conv2dTranspose: () => [of(layers.conv2dTranspose({ filters: 3, kernelSize: 3 })), image],
  conv3d: () => [of(layers.conv3d({ filters: 2, kernelSize: 2 })), [4, 4, 4, 2]],
  convLstm2d: () => [of(layers.convLstm2d({ filters: 2, kernelSize: 2 })), [3, 4, 4, 2]],
  cropping2D: () => [of(layers.cropping2D({ cropping: 1 })), image],
  dense: () => [of(layers.dense({ units: 6, activation: 'relu' })), [6]],
  depthwiseConv2d: () => [of(layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 })), image],
  dot: () => [two(layers.dot({ axes: -1 })), [6]],
  dropout: () => [of(layers.dropout({ rate: 0 })), [6]],
  elu: () => [of(layers.elu()), [6]],
  flatten: () => [of(layers.flatten()), image],
  gaussianNoise: () => [of(layers.gaussianNoise({ stddev: 0 })), [6]],
  globalAveragePooling1d: () => [of(layers.globalAveragePooling1d()), time],
  globalAveragePooling2d: () => [of(layers.globalAveragePooling2d({})), image],
  globalMaxPooling1d: () => [of(layers.globalMaxPooling1d()), time],
  globalMaxPooling2d: () => [of(layers.globalMaxPooling2d({})), image],
  gru: () => [of(layers.gru({ units: 4 })), time],
  layerNormalization: () => [of(layers.layerNormalization()), [6]],
  leakyReLU: () => [of(layers.leakyReLU()), [6]],
  lstm: () => [of(layers.lstm({ units: 4, returnSequences: true })), time],
  masking: () => [of(layers.masking()), time, { first: true }],
  maximum: () => [two(layers.maximum()), [6]],
  maxPooling1d: () => [of(layers.maxPooling1d({ poolSize: 2 })), time],
  maxPooling2d: () => [of(layers.maxPooling2d({ poolSize: 2 })), image],
  maxPooling3d: () => [of(layers.maxPooling3d({ poolSize: 2 })), [4, 4, 4, 2]],
  minimum: () => [two(layers.minimum()), [6]],
  multiply: () => [two(layers.multiply()), [6]],
  permute: () => [of(layers.permute({ dims: [2, 1] })), time],
  prelu: () => [of(layers.prelu()), [6]],
  repeatVector: () => [of(layers.repeatVector({ n: 3 })), [6]],
  reshape: () => [of(layers.reshape({ targetShape: [3, 2] })), [6]],
  separableConv2d: () => [of(layers.separableConv2d({ filters: 3, kernelSize: 3 })), image],
  simpleRNN: () => [of(layers.simpleRNN({ units: 4 })), time],
  softmax: () => [of(layers.softmax()), [6]],
  spatialDropout1d: () => [of(layers.spatialDropout1d({ rate: 0 })), time],
  stackedRNN: () => [
    of(
      layers.rnn({
        cell: layers.stackedRNNCells({
          cells: [layers.gruCell({ units: 3 }), layers.lstmCell({ units: 3 })],
        }),
      }),
    ),
    time,
  ],
  thresholdedReLU: () => [of(layers.thresholdedReLU({ theta: 0.1 })), [6], { first: true }],
  timeDistributed: () => [of(layers.timeDistributed({ layer: layers.dense({ units: 3 }) })), time],
  upSampling2d: () => [of(layers.upSampling2d({})), image, { batch: 1 }],
  zeroPadding2d: () => [of(layers.zeroPadding2d({ padding: 1 })), image],
};

const seeded = (seed: number, shape: number[]): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

/** A layer before and behind it, so that its gradients in both directions matter. */
function around(kind: Kind) {
  const [apply, shape, { first = false, batch = 3 } = {}] = kind();
  const x = input({ shape });
  const before = first ? x : of(layers.dense({ units: shape.at(-1) as number }))(x);
  const applied = apply(before);
  const after = applied.rank > 2 ? of(layers.flatten())(applied) : applied;
  const model = modelOf({ inputs: x, outputs: of(layers.dense({ units: 2 }))(after) });
  const weights = model.getWeights();
  model.setWeights(
    weights.map((weight, i) => {
      // A variance is positive.
      const value = tf.mul(seeded(i, weight.shape), 0.3);
      return model.weights[i]?.originalName.endsWith('variance') ? tf.add(tf.abs(value), 1) : value;
    }),
  );
  return { model, batch, shape: [batch, ...shape] };
}

/** Two steps, a file between them: all weights and a prediction. */
async function trained(kind: Kind): Promise<number[][]> {
  const { model, batch, shape } = around(kind);
  const [x, y] = [seeded(100, shape), seeded(101, [batch, 2])] as const;
  const compiled = { optimizer: tf.train.sgd(0.05), loss: 'meanSquaredError' };
  model.compile(compiled);
  await model.trainOnBatch(x, y);
  const loaded = await loadArtifacts(await savedArtifacts(model));
  expect(Array.from((loaded.predict(x) as tf.Tensor).dataSync())).toEqual(
    Array.from((model.predict(x) as tf.Tensor).dataSync()),
  );
  loaded.compile({ ...compiled, optimizer: tf.train.sgd(0.05) });
  await loaded.trainOnBatch(x, y);
  const all = [...loaded.getWeights(), loaded.predict(x) as tf.Tensor];
  return all.map((tensor) => Array.from(tensor.dataSync()));
}

describe.runIf(isLinked())('the layers of tfjs on tensorflow', { timeout: 300_000 }, () => {
  beforeAll(() => useBackend('tensorflow'), 300_000);

  it.each(Object.entries(ZOO))('%s trains, saves, loads and agrees with cpu', async (_, kind) => {
    await useBackend('cpu');
    const expected = await trained(kind);
    await useBackend('tensorflow');
    const found = await trained(kind);
    expect(found.length).toBe(expected.length);
    expected.forEach((values, i) => {
      const largest = Math.max(1, ...values.map(Math.abs));
      values.forEach((value, j) => {
        expect(Math.abs((found[i]?.[j] as number) - value)).toBeLessThan(1e-5 * largest);
      });
    });
  });

  it('the gradient of nearest-neighbour resizing is right, and on cpu wrong beyond the first example', async () => {
    const weights = noise(random(5), 3 * 4 * 4);
    const gradient = async (backend: 'cpu' | 'tensorflow'): Promise<number[]> => {
      await useBackend(backend);
      const loss = (x: tf.Tensor): tf.Scalar =>
        tf.sum(
          tf.mul(
            tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [4, 4]),
            tf.tensor4d(weights, [3, 4, 4, 1]),
          ),
        );
      return Array.from(
        tf
          .grad(loss)(tf.zeros([3, 2, 2, 1]))
          .dataSync(),
      );
    };
    // Each pixel becomes a square of four: its gradient is the sum of their weights.
    const expected = Array.from({ length: 12 }, (_, i) => {
      const corner = Math.floor(i / 4) * 16 + Math.floor((i % 4) / 2) * 8 + (i % 2) * 2;
      return [0, 1, 4, 5].reduce((sum, at) => sum + (weights[corner + at] as number), 0);
    });
    const distance = (found: number[]): number[] =>
      found.map((value, i) => Math.abs(value - (expected[i] as number)));
    expect(Math.max(...distance(await gradient('tensorflow')))).toBeLessThan(1e-6);
    const cpu = distance(await gradient('cpu'));
    expect(Math.max(...cpu.slice(0, 4))).toBeLessThan(1e-6);
    expect(Math.max(...cpu.slice(4))).toBeGreaterThan(0.1);
  });
});
