import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  initializers,
  input,
  type LayersModel,
  layers,
  sequential,
} from '@tensorflow/tfjs-layers';
import { roleOf } from '@tfjs-lrm/core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { Gated, modelOf, weightOf } from '../test/layers.ts';
import { expectClose, numbers } from '../test/numbers.ts';
import { withMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

const dense = (args: object = {}): layers.Layer =>
  layers.dense({ units: 5, name: 'd', inputShape: [3], ...args });
const names = (weights: { originalName: string }[]): string[] =>
  weights.map(({ originalName }) => originalName);
const x = (): tf.Tensor => tf.tensor2d(numbers(1, 12, -1, 1), [4, 3]);
const outputs = (model: LayersModel): number[] =>
  tf.tidy(() => [...(model.predict(x()) as tf.Tensor).dataSync()]);
const allWeights = [
  'd/kernel',
  'd/bias',
  'd/kernel/row_multiplier',
  'd/kernel/column_multiplier',
  'd/kernel/scalar_multiplier',
];

describe('names', () => {
  test('the layer and its weights keep theirs, factors are named after the kernel, for optimizers too', () => {
    const layer = withMultipliers(dense({ name: 'names' }), { scalar: true });
    expect(layer.name).toBe('names');
    const model = modelOf(layer);
    const expected = allWeights.map((name) => name.replace('d/', 'names/'));
    expect(names(model.weights)).toEqual(expected);
    expect(model.weights.map((weight) => (weight.read() as tf.Variable).name)).toEqual(expected);
    expect(model.weights.map((weight) => roleOf(weight.read() as tf.Variable))).toEqual([
      'matrix',
      'vector',
      'multiplier',
      'multiplier',
      'multiplier',
    ]);
    model.dispose();
  });

  test('a second model gets the same names in files, and roles all the same', () => {
    const models = [0, 1].map(() => modelOf(withMultipliers(dense({ name: 'twice' }))));
    const [a, b] = models.map((model) => model.weights) as [
      LayersModel['weights'],
      LayersModel['weights'],
    ];
    expect(names(b)).toEqual(names(a));
    const row = b[2]?.read() as tf.Variable;
    expect(row.name).toBe('twice/kernel/row_multiplier_1');
    expect(roleOf(row)).toBe('multiplier');
    for (const model of models) model.dispose();
  });

  test('the option "name" renames the layer and the weights that it builds', () => {
    const model = modelOf(withMultipliers(dense(), { name: 'other', row: false }));
    expect(names(model.weights)).toEqual([
      'other/kernel',
      'other/bias',
      'other/kernel/column_multiplier',
    ]);
    expect(model.layers[0]?.name).toBe('other');
    model.dispose();
  });

  test('each kernel of a custom layer has factors of its own', () => {
    const layer = new Gated({ units: 5, inputShape: [3], name: 'g' });
    const model = modelOf(withMultipliers(layer, { kernels: ['gate', 'kernel'], row: false }));
    expect(names(model.weights)).toEqual([
      'g/kernel',
      'g/gate',
      'g/bias',
      'g/gate/column_multiplier',
      'g/kernel/column_multiplier',
    ]);
    model.dispose();
  });

  test('inside TimeDistributed they have its scope, as a plain layer would', () => {
    const inner = withMultipliers(layers.dense({ units: 2, name: 'd' }));
    const model = modelOf(layers.timeDistributed({ layer: inner, inputShape: [4, 3], name: 't' }));
    expect(names(model.weights)).toEqual([
      't/kernel',
      't/bias',
      't/kernel/row_multiplier',
      't/kernel/column_multiplier',
    ]);
    model.dispose();
  });
});

describe('building', () => {
  test('as the first layer it gives a Sequential its input shape and type', () => {
    const model = sequential({
      layers: [
        withMultipliers(layers.embedding({ inputDim: 9, outputDim: 4, inputLength: 6 })),
        layers.flatten(),
        withMultipliers(layers.dense({ units: 2 })),
      ],
    });
    expect(model.inputs[0]?.shape).toEqual([null, 6]);
    expect(model.outputs[0]?.shape).toEqual([null, 2]);
    const typed = withMultipliers(layers.dense({ units: 2, inputShape: [3], dtype: 'int32' }));
    expect(modelOf(typed).inputs[0]?.dtype).toBe('int32');
    model.dispose();
  });

  test('a layer that is built already keeps its weights and its other model', () => {
    const layer = dense();
    const plain = modelOf(layer);
    const before = outputs(plain);
    const wrapped = modelOf(withMultipliers(layer));
    expect(wrapped.weights[0]).toBe(plain.weights[0]);
    expect(outputs(wrapped)).toEqual(before);
    tf.tidy(() => weightOf(wrapped, 'd/kernel/row_multiplier').assign(tf.zeros([5])));
    expect(outputs(wrapped)).toEqual(new Array(20).fill(0));
    expect(outputs(plain)).toEqual(before);
    wrapped.dispose();
    expect(outputs(plain)).toEqual(before);
    plain.dispose();
    expect(() => modelOf(withMultipliers(layer))).toThrow(/"d" was disposed of/);
  });

  test('weights that were given to the layer are used', () => {
    const kernel = tf.ones([3, 5]);
    const model = modelOf(withMultipliers(dense({ weights: [kernel, tf.zeros([5])] })));
    expectClose(weightOf(model, 'd/kernel'), new Array(15).fill(1));
    model.dispose();
  });

  test('a layer that is used twice has one set of weights', () => {
    const shared = withMultipliers(layers.dense({ units: 3, name: 'd' }));
    const start = input({ shape: [3] });
    const end = shared.apply(shared.apply(start)) as ReturnType<typeof input>;
    const model = functional({ inputs: start, outputs: end });
    expect(names(model.weights)).toEqual(allWeights.slice(0, 4));
    tf.tidy(() => {
      weightOf(model, 'd/kernel').assign(tf.eye(3) as tf.Tensor);
      weightOf(model, 'd/kernel/row_multiplier').assign(tf.fill([3], 3));
      expectClose(model.predict(tf.ones([1, 3])) as tf.Tensor, [9, 9, 9]);
      const row = weightOf(model, 'd/kernel/row_multiplier');
      const loss = (): tf.Scalar => tf.sum(model.apply(tf.ones([1, 3])) as tf.Tensor);
      expectClose(tf.variableGrads(loss, [row]).grads[row.name] as tf.Tensor, [6, 6, 6]);
    });
    model.dispose();
  });

  test('initializers are given by name or as objects, per factor', () => {
    const model = modelOf(
      withMultipliers(dense(), {
        scalar: true,
        initializer: { row: 'zeros', column: initializers.constant({ value: 2 }) },
      }),
    );
    const values = (factor: string): number[] => [
      ...weightOf(model, `d/kernel/${factor}_multiplier`).dataSync(),
    ];
    expect(values('row')).toEqual([0, 0, 0, 0, 0]);
    expect(values('column')).toEqual([2, 2, 2]);
    expect(values('scalar')).toEqual([1]);
    model.dispose();
  });

  test('wrapping takes no number from the names that tfjs gives', () => {
    const number = (): number => Number(/\d+$/.exec(layers.dense({ units: 1 }).name)?.[0]);
    const first = number();
    withMultipliers(dense());
    expect(number()).toBe(first + 1);
  });

  test('a summary counts the factors', () => {
    const model = modelOf(withMultipliers(dense()));
    const lines: string[] = [];
    model.summary(undefined, undefined, (line: string) => lines.push(line));
    expect(lines.join('\n')).toMatch(/d \(LrmMultipliers\).*28/);
    expect(lines.join('\n')).toMatch(/Total params: 28/);
    expect(model.countParams()).toBe(3 * 5 + 5 + 5 + 3);
    model.dispose();
  });
});
