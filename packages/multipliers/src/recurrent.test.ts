import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  input,
  type LayersModel,
  layers,
  loadLayersModel,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { copyCommon, modelOf, scrambleWeights, weightOf } from '../test/layers.ts';
import { distance, numbers } from '../test/numbers.ts';
import { foldMultipliers, withMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

type Layer = layers.Layer;
type Symbolic = ReturnType<typeof input>;
type Wrap = (layer: Layer) => Layer;

const plain: Wrap = (layer) => layer;
const all: Wrap = (layer) => withMultipliers(layer, { scalar: true });
const cell = { units: 3, recurrentInitializer: 'glorotNormal' } as const;
const sequence = (seed: number, ...shape: [number, number, number]): tf.Tensor =>
  tf.tensor3d(numbers(seed, shape[0] * shape[1] * shape[2], -1, 1), shape);
const outputsOf = (model: LayersModel, inputs: tf.Tensor | tf.Tensor[]): number[] =>
  tf.tidy(() =>
    [model.predict(inputs)].flat().flatMap((output) => [...(output as tf.Tensor).dataSync()]),
  );

/** An encoder whose last states are where the decoder starts. */
function translator(wrap: Wrap, both: boolean): LayersModel {
  const lstm = (name: string, args: object): Layer => {
    const one = layers.lstm({ ...cell, name, ...args });
    const layer = both
      ? layers.bidirectional({ layer: one as never, mergeMode: 'concat', name: `both_${name}` })
      : one;
    return wrap(layer);
  };
  const [source, target] = [input({ shape: [4, 2] }), input({ shape: [3, 2] })];
  const [, ...states] = lstm('encoder', { returnState: true }).apply(source) as Symbolic[];
  const decoded = lstm('decoder', { returnSequences: true }).apply([target, ...states] as never);
  return functional({ inputs: [source, target], outputs: decoded as Symbolic, name: 'translator' });
}

describe.each([
  ['an lstm', false],
  ['an lstm in both directions', true],
])('%s', (_, both) => {
  test('starts from the states that another one ended with', async () => {
    const [reference, wrapped] = [translator(plain, both), translator(all, both)];
    scrambleWeights(reference, -0.6, 0.6);
    copyCommon(reference, wrapped);
    const inputs = [sequence(1, 2, 4, 2), sequence(2, 2, 3, 2)];
    const expected = outputsOf(reference, inputs);
    expect(outputsOf(wrapped, inputs)).toEqual(expected);
    // The states do reach the decoder.
    const other = [sequence(3, 2, 4, 2), inputs[1] as tf.Tensor];
    expect(outputsOf(wrapped, other)).not.toEqual(expected);
    scrambleWeights(wrapped);
    const folded = foldMultipliers(wrapped);
    expect(distance(outputsOf(folded, inputs), outputsOf(wrapped, inputs))).toBeLessThan(1e-6);
    let saved: tf.io.ModelArtifacts | undefined;
    await wrapped.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const loaded = await loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    expect(outputsOf(loaded, inputs)).toEqual(outputsOf(wrapped, inputs));
  });
});

test('states given as values reach a layer that is applied to values', () => {
  const [reference, wrapped] = [plain, all].map((wrap) =>
    wrap(layers.simpleRNN({ ...cell, name: 'r', inputShape: [4, 2] })),
  ) as [Layer, Layer];
  const models = [reference, wrapped].map(modelOf) as [LayersModel, LayersModel];
  copyCommon(...models);
  const [x, state] = [sequence(1, 2, 4, 2), tf.ones([2, 3])];
  const values = (layer: Layer, kwargs: object): number[] => [
    ...(layer.apply(x, kwargs) as tf.Tensor).dataSync(),
  ];
  const expected = values(reference, { initialState: [state] });
  expect(values(wrapped, { initialState: [state] })).toEqual(expected);
  expect([...(wrapped.apply([x, state]) as tf.Tensor).dataSync()]).toEqual(expected);
  expect(values(wrapped, {})).not.toEqual(expected);
});

test('a mask holds the state where a sequence ends', () => {
  const build = (wrap: Wrap): LayersModel => {
    const start = input({ shape: [4, 2] });
    const masked = layers.masking({ maskValue: 0 }).apply(start);
    return functional({
      inputs: start,
      outputs: wrap(layers.gru({ ...cell, name: 'g' })).apply(masked) as Symbolic,
    });
  };
  const [reference, wrapped] = [build(plain), build(all)];
  copyCommon(reference, wrapped);
  const long = sequence(1, 1, 4, 2);
  const short = tf.concat([tf.slice(long, [0, 0, 0], [1, 2, 2]), tf.zeros([1, 2, 2])], 1);
  expect(outputsOf(wrapped, short)).toEqual(outputsOf(reference, short));
  expect(outputsOf(wrapped, short)).not.toEqual(outputsOf(wrapped, long));
});

test('a stateful layer goes on from its last state until that is reset', () => {
  const layer = all(
    layers.lstm({ ...cell, stateful: true, batchInputShape: [2, 3, 2], name: 'l' }),
  );
  const model = modelOf(layer);
  const x = sequence(1, 2, 3, 2);
  const first = outputsOf(model, x);
  expect(outputsOf(model, x)).not.toEqual(first);
  model.resetStates();
  expect(outputsOf(model, x)).toEqual(first);
});

test('the effective kernels are computed once a call, however many time steps there are', () => {
  const reads = (steps: number): number => {
    const layer = withMultipliers(layers.lstm({ ...cell, inputShape: [steps, 2] }));
    const model = modelOf(layer);
    const { kernel } = (layer.layer as unknown as { cell: { kernel: { read(): tf.Tensor } } }).cell;
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const read = vi.spyOn(kernel, 'read');
    tf.tidy(() => {
      const x = tf.ones([1, steps, 2]);
      tf.variableGrads(() => tf.sum(model.apply(x) as tf.Tensor) as tf.Scalar, variables);
    });
    return read.mock.calls.length;
  };
  expect(reads(2)).toBeGreaterThan(0);
  expect(reads(9)).toBe(reads(2));
});

test('loading strictly skips the initializers of the cells', async () => {
  // The orthogonal initializer cannot run here: it needs the union package.
  const build = (recurrentInitializer: 'orthogonal' | 'zeros'): LayersModel =>
    modelOf(all(layers.lstm({ units: 2, recurrentInitializer, inputShape: [3, 2], name: 'l' })));
  expect(() => build('orthogonal')).toThrow();
  const model = build('zeros');
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const text = JSON.stringify(saved?.modelTopology);
  const zeros = '"recurrent_initializer":{"class_name":"Zeros","config":{}}';
  expect(text).toContain(zeros);
  const orthogonal =
    '"recurrent_initializer":{"class_name":"Orthogonal","config":{"gain":1,"seed":null}}';
  const modelTopology = JSON.parse(text.replaceAll(zeros, orthogonal)) as object;
  const loaded = await loadLayersModel(
    tf.io.fromMemory({ ...(saved as tf.io.ModelArtifacts), modelTopology }),
  );
  const x = sequence(1, 2, 3, 2);
  expect(outputsOf(loaded, x)).toEqual(outputsOf(model, x));
  expect(outputsOf(foldMultipliers(loaded), x)).toEqual(outputsOf(model, x));
});

test('the gates have row factors of their own, and the factors are named after the direction', () => {
  const layer = layers.bidirectional({
    layer: layers.gru({ ...cell, name: 'g' }) as never,
    mergeMode: 'sum',
    inputShape: [4, 2],
    name: 'b',
  });
  const model = modelOf(all(layer));
  for (const direction of ['forward', 'backward']) {
    expect(weightOf(model, `b/${direction}_g/kernel/row_multiplier`).shape).toEqual([9]);
    expect(weightOf(model, `b/${direction}_g/kernel/column_multiplier`).shape).toEqual([2]);
    expect(weightOf(model, `b/${direction}_g/recurrent_kernel/column_multiplier`).shape).toEqual([
      3,
    ]);
  }
});
