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
  // All matrices of 4 × 4, less those of a direction that nothing writes (3 inputs) onto two that nothing reads (2 outputs).
  const mixing = ['general-linear 14: a/kernel, b/kernel /'];
  const flattened = ['general-linear 16: a/kernel, b/kernel /'];
  const scaling = ['scaling 4: a/kernel, b/kernel /'];
  const cases: readonly [string, () => Layer[], string[]][] = [
    ['nothing', () => [], mixing],
    ['flattening', () => [layers.flatten()], flattened],
    ['average pooling', () => [layers.averagePooling2d({ poolSize: 2 })], mixing],
    ['max pooling', () => [layers.maxPooling2d({ poolSize: 2 })], scaling],
    ['dropout', () => [layers.dropout({ rate: 0.5 })], scaling],
    ['dropout of nothing', () => [layers.dropout({ rate: 0 })], mixing],
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
      // One direction of what softmax reads has no effect, so three of four are read.
      'general-linear 15: a/kernel, s/kernel /',
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

  const freezing: readonly [string, () => layersApi.LayersModel][] = [
    ['in the config of a layer', () => pair({ trainable: false })],
    [
      'through the layer',
      () => {
        const model = pair({});
        (model.layers[0] as Layer).trainable = false;
        return model;
      },
    ],
    [
      'through the weight',
      () => {
        const model = pair({});
        (model.layers[0]?.weights[0] as layersApi.LayerVariable).trainable = false;
        return model;
      },
    ],
    [
      'as a nested model',
      () => {
        const inner = sequential({
          layers: [dense('a', 4, { inputShape: [3], activation: 'relu' })],
        });
        const model = sequential({ layers: [inner, dense('b', 2)] });
        inner.trainable = false;
        return model;
      },
    ],
    [
      'as a whole model',
      () => {
        const model = pair({});
        model.trainable = false;
        return model;
      },
    ],
    ['by a constraint', () => pair({ kernelConstraint: 'nonNeg' })],
  ];
  const pair = (first: object): layersApi.LayersModel =>
    sequential({
      layers: [dense('a', 4, { inputShape: [3], activation: 'relu', ...first }), dense('b', 2)],
    });

  it.each(freezing)('what is frozen %s does not move', (_, build) => {
    const unfrozen = pair({});
    expect(found(unfrozen)).toEqual(scaling);
    const model = build();
    expect(found(model)).toEqual([]);
    expect(symmetryDrift(model)).toEqual([]);
    unfrozen.dispose();
    model.dispose();
  });

  it('dropout inside a recurrent layer keeps channels apart', () => {
    const reading = (dropout: number): string[] => {
      const model = sequential({
        layers: [
          layers.dense({ name: 'a', units: 3, inputShape: [5, 3] }),
          layers.gru({ name: 'gru', units: 2, dropout, recurrentInitializer: 'glorotNormal' }),
        ],
      });
      const symmetries = found(model);
      model.dispose();
      return symmetries;
    };
    expect(reading(0)).toEqual([
      'general-linear 9: a/kernel, a/bias, gru/kernel /',
      'translation 3: a/bias, gru/bias',
    ]);
    expect(reading(0.5)).toEqual(['scaling 3: a/kernel, a/bias, gru/kernel /']);
  });

  it('a bias passes a depthwise kernel where nothing is padded', () => {
    const reading = (padding: 'valid' | 'same'): string[] => {
      const model = sequential({
        layers: [
          layers.dense({ name: 'a', units: 3, inputShape: [5, 5, 2] }),
          layers.depthwiseConv2d({ name: 'd', kernelSize: 2, padding }),
          layers.activation({ activation: 'tanh' }),
        ],
      });
      const symmetries = found(model).filter((text) => text.startsWith('translation'));
      model.dispose();
      return symmetries;
    };
    expect(reading('valid')).toEqual(['translation 3: a/bias, d/bias']);
    expect(reading('same')).toEqual([]);
  });

  it('a bias does not pass where kernels overlap at the border, nor where only a part of the positions has it', () => {
    const transposed = sequential({
      layers: [
        layers.dense({ name: 'a', units: 3, inputShape: [5, 5, 2] }),
        layers.conv2dTranspose({ name: 't', filters: 2, kernelSize: 2 }),
        layers.activation({ activation: 'tanh' }),
      ],
    });
    expect(found(transposed)).toEqual(['general-linear 9: a/kernel, a/bias, t/kernel /']);
    const x = input({ shape: [5, 3] });
    const apply = (layer: Layer, to: unknown) =>
      layer.apply(to as layersApi.SymbolicTensor) as layersApi.SymbolicTensor;
    const parts = [
      apply(layers.dense({ name: 'a', units: 3 }), x),
      apply(layers.activation({ activation: 'tanh' }), x),
    ];
    const joined = layers.concatenate({ axis: 1 }).apply(parts);
    const model = makeModel({
      inputs: x,
      outputs: apply(layers.dense({ name: 'b', units: 2 }), joined),
    });
    expect(found(model)).toEqual([]);
    transposed.dispose();
    model.dispose();
  });

  it('a normalisation or softmax over other axes than the channels is not taken for one over channels', () => {
    const over = (layer: Layer): string[] => {
      const model = sequential({
        layers: [
          dense('a', 4, { inputShape: [5, 3] }),
          layers.dense({ name: 'b', units: 4 }),
          layer,
        ],
      });
      const symmetries = found(model).filter((text) => !text.startsWith('general-linear'));
      model.dispose();
      return symmetries;
    };
    expect(over(layers.layerNormalization({ axis: 1 }))).toEqual([
      'scaling 4: b/kernel, b/bias',
      'translation 4: b/bias',
    ]);
    expect(over(layers.layerNormalization({ axis: [1, 2] }))).toEqual([
      'scaling 1: b/kernel, b/bias',
    ]);
    expect(over(layers.batchNormalization({ axis: 1 }))).toEqual([]);
    expect(over(layers.softmax({ axis: 1 }))).toEqual([]);
    expect(over(layers.softmax({ axis: [1, 2] }))).toEqual([]);
    expect(over(layers.softmax({ axis: -1 }))).toEqual([
      'translation 4: b/kernel',
      'translation 1: b/bias',
    ]);
  });

  it('channels that are split, moved or broadcast, and layers of several outputs, stay', () => {
    for (const layer of [
      layers.reshape({ targetShape: [72, 2] }),
      layers.flatten({ dataFormat: 'channelsFirst' }),
      layers.batchNormalization({ axis: 1 }),
    ]) {
      const model = between(layer);
      expect(found(model)).toEqual([]);
      model.dispose();
    }
    const apply = (layer: Layer, to: unknown) =>
      layer.apply(to as layersApi.SymbolicTensor) as layersApi.SymbolicTensor;
    for (const merge of [layers.add(), layers.multiply()]) {
      const x = input({ shape: [3] });
      const [wide, single] = [apply(dense('a', 4), x), apply(dense('s', 1), x)];
      const y = merge.apply([wide, single]) as layersApi.SymbolicTensor;
      const model = makeModel({ inputs: x, outputs: apply(dense('b', 2), y) });
      expect(found(model)).toEqual([]);
      model.dispose();
    }
    const x = input({ shape: [5, 3] });
    const recurrent = layers.lstm({
      units: 2,
      returnState: true,
      recurrentInitializer: 'glorotNormal',
    });
    const [y] = recurrent.apply(apply(dense('a', 3), x)) as layersApi.SymbolicTensor[];
    const model = makeModel({ inputs: x, outputs: apply(dense('b', 2), y) });
    expect(found(model)).toEqual([]);
    model.dispose();
  });

  it('a class that extends one of tfjs under its name is opaque', () => {
    const Dense = dense('any', 1).constructor as new (config: object) => Layer;
    class Bent extends Dense {}
    const model = between(new Bent({ name: 'bent', units: 4, useBias: false }));
    expect(found(model)).toEqual([]);
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
    expect(found(model)).toEqual(mixing);
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
