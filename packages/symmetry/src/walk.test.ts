/** What the walk goes through, and what ends a symmetry. */
import * as layersApi from '@tensorflow/tfjs-layers';
import { withMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { findSymmetries, symmetryDrift } from './index.ts';

const { input, layers, model: makeModel, sequential } = layersApi;
type Layer = layersApi.layers.Layer;

/** Group, dimension and the names of all sides. */
const found = (model: layersApi.LayersModel): string[] =>
  findSymmetries(model).map(
    ({ group, dimension, sides }) =>
      `${group} ${dimension}: ${sides.map(({ variable, exponent }) => `${variable}${exponent < 0 ? ' /' : ''}`).join(', ')}`,
  );

const dense = (name: string, units: number, options: object = {}): Layer =>
  layers.dense({ name, units, useBias: false, ...options });

const between = (...middle: Layer[]): layersApi.LayersModel =>
  sequential({
    layers: [dense('a', 4, { inputShape: [6, 6, 3] }), ...middle, dense('b', 2)],
  });

onCpu(() => {
  const mixing = ['general-linear 16: a/kernel, b/kernel /'];
  const scaling = ['scaling 4: a/kernel, b/kernel /'];
  const cases: readonly [string, () => Layer[], string[]][] = [
    ['nothing', () => [], mixing],
    ['flattening', () => [layers.flatten()], mixing],
    ['average pooling', () => [layers.averagePooling2d({ poolSize: 2 })], mixing],
    ['max pooling', () => [layers.maxPooling2d({ poolSize: 2 })], scaling],
    ['dropout', () => [layers.dropout({ rate: 0.5 })], scaling],
    ['leaky relu', () => [layers.leakyReLU()], scaling],
    ['relu', () => [layers.reLU()], scaling],
    ['relu6', () => [layers.reLU({ maxValue: 6 })], []],
    ['elu', () => [layers.elu()], []],
    ['tanh', () => [layers.activation({ activation: 'tanh' })], []],
    ['noise', () => [layers.gaussianNoise({ stddev: 1 })], []],
    ['reshaping that moves channels', () => [layers.permute({ dims: [3, 1, 2] })], []],
    ['reshaping that keeps them', () => [layers.reshape({ targetShape: [36, 4] })], mixing],
  ];
  it.each(cases)('%s between two kernels', (_, middle, expected) => {
    const model = between(...middle());
    expect(found(model)).toEqual(expected);
    model.dispose();
  });

  it('softmax, and heads that write outputs, end a symmetry but for what softmax does not see', () => {
    const model = between(dense('s', 4, { activation: 'softmax' }));
    expect(found(model)).toEqual([
      'general-linear 16: a/kernel, s/kernel /',
      'translation 4: s/kernel',
    ]);
    model.dispose();
  });

  it('goes through nested models, wrappers and layers over time', () => {
    const inner = sequential({
      layers: [
        layers.timeDistributed({ layer: dense('inside', 4), inputShape: [5, 3], name: 'over' }),
        layers.reLU(),
      ],
    });
    const x = input({ shape: [5, 3] });
    const y = withMultipliers(dense('out', 2), { row: false }).apply(inner.apply(x));
    const model = makeModel({ inputs: x, outputs: y as layersApi.SymbolicTensor });
    expect(found(model)).toEqual([
      'scaling 4: over/kernel, out/kernel /',
      'scaling 4: out/kernel/column_multiplier, out/kernel /',
    ]);
    model.dispose();
  });

  it('a recurrent layer reads as a matrix and writes what stays', () => {
    const model = sequential({
      layers: [
        dense('a', 4, { inputShape: [5, 3] }),
        withMultipliers(
          layers.lstm({ name: 'lstm', units: 2, recurrentInitializer: 'glorotNormal' }),
          { column: false },
        ),
        dense('b', 2),
      ],
    });
    expect(found(model)).toEqual([
      'general-linear 16: a/kernel, lstm/kernel /',
      'scaling 8: lstm/kernel/row_multiplier, lstm/kernel /',
      'scaling 8: lstm/recurrent_kernel/row_multiplier, lstm/recurrent_kernel /',
    ]);
    model.dispose();
  });

  it('a layer that is used twice scales as both of its uses allow', () => {
    const shared = dense('shared', 3, { activation: 'relu' });
    const x = input({ shape: [3] });
    const apply = (layer: Layer, to: unknown) =>
      layer.apply(to as layersApi.SymbolicTensor) as layersApi.SymbolicTensor;
    // Once from the input, which is fixed; so what it reads the second time is fixed too.
    const twice = makeModel({
      inputs: x,
      outputs: apply(dense('b', 2), apply(shared, apply(shared, x))),
    });
    expect(found(twice)).toEqual([]);
    const sum = layers.add().apply([apply(shared, x), apply(dense('other', 3), x)]);
    const once = makeModel({ inputs: x, outputs: apply(dense('c', 2), sum) });
    expect(found(once)).toEqual(['scaling 3: shared/kernel, other/kernel, c/kernel /']);
    twice.dispose();
  });

  it('of two biases that are added one is redundant, not both', () => {
    const x = input({ shape: [3] });
    const biased = (name: string) =>
      layers.dense({ name, units: 4 }).apply(x) as layersApi.SymbolicTensor;
    const sum = layers.add().apply([biased('a'), biased('b')]) as layersApi.SymbolicTensor;
    const bent = layers.activation({ activation: 'tanh' }).apply(sum);
    const model = makeModel({
      inputs: x,
      outputs: dense('c', 2).apply(bent) as layersApi.SymbolicTensor,
    });
    expect(found(model)).toEqual(['translation 4: a/bias, b/bias']);
    model.dispose();
  });

  it('frozen weights end a symmetry', () => {
    const model = between(layers.reLU());
    (model.layers[0] as Layer).trainable = false;
    expect(found(model)).toEqual([]);
    expect(symmetryDrift(model)).toEqual([]);
    model.dispose();
  });

  it('channels that are fixed stay, and those beside them move', () => {
    const x = input({ shape: [3] });
    const a = dense('a', 4).apply(x) as layersApi.SymbolicTensor;
    const both = layers.concatenate().apply([x, a]) as layersApi.SymbolicTensor;
    const model = makeModel({
      inputs: x,
      outputs: dense('b', 2).apply(both) as layersApi.SymbolicTensor,
    });
    expect(found(model)).toEqual(['general-linear 16: a/kernel, b/kernel /']);
    model.dispose();
  });

  it('prints as a table', () => {
    const model = between(layers.reLU());
    expect(String(findSymmetries(model))).toBe(
      [
        'kind            group    dimension  sides                     reason',
        'multiplicative  scaling  4          a/kernel[1] · b/kernel[0]⁻¹  row against column across a homogeneous function',
      ]
        .join('\n')
        .replace('sides                     reason', 'sides                        reason'),
    );
    model.dispose();
  });
});
