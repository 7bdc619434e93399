import * as tf from '@tensorflow/tfjs-core';
import {
  constraints,
  initializers,
  input,
  type LayersModel,
  layers,
  regularizers,
  sequential,
} from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { kernelAxes } from '@tfjs-lrm/core/kit';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { Gated, modelOf, weightOf } from '../test/layers.ts';
import { expectClose, numbers } from '../test/numbers.ts';
import { type MultiplierLayer, withMultipliers } from './index.ts';

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

describe('weights', () => {
  test('getWeights and setWeights agree with weights, frozen or not', () => {
    const layer = withMultipliers(dense(), { scalar: true });
    const model = modelOf(layer);
    const shapes = layer.weights.map(({ shape }) => shape);
    expect(layer.getWeights().map(({ shape }) => shape)).toEqual(shapes);
    tf.tidy(() => layer.setWeights(shapes.map((shape, at) => tf.fill(shape as number[], at))));
    layer.trainable = false;
    expect(layer.getWeights().map((value) => value.dataSync()[0])).toEqual([0, 1, 2, 3, 4]);
    expect(() => layer.setWeights([])).toThrow(/expecting 5 weights/);
    model.dispose();
  });

  test('freezing moves no value in getWeights, where a layer has weights that are never trained', () => {
    class Shifted extends Gated {
      static override readonly className: string = 'TestShifted';
      override build(inputShape: number[]): void {
        super.build(inputShape);
        this.addWeight('shift', [1], 'float32', initializers.zeros(), undefined, false);
      }
    }
    const layer = withMultipliers(new Shifted({ units: 5, inputShape: [3], name: 'shifted' }), {
      kernels: ['kernel'],
    });
    const model = modelOf(layer);
    const before = names(layer.weights);
    expect(before.at(-1)).toBe('shifted/shift');
    layer.trainable = false;
    expect(names(layer.weights)).toEqual(before);
    model.dispose();
  });

  test('freezing reaches the layer inside and the factors', () => {
    const layer = withMultipliers(dense());
    const model = modelOf(layer);
    expect(names(layer.trainableWeights)).toEqual(allWeights.slice(0, 4));
    expect(layer.nonTrainableWeights).toEqual([]);
    layer.trainable = false;
    expect(layer.layer.trainable).toBe(false);
    expect(layer.trainableWeights).toEqual([]);
    expect(names(layer.nonTrainableWeights)).toEqual(allWeights.slice(0, 4));
    expect(layer.weights.some(({ trainable }) => trainable)).toBe(false);
    layer.trainable = true;
    expect(layer.weights.every(({ trainable }) => trainable)).toBe(true);
    layer.layer.trainable = false;
    expect(names(layer.trainableWeights)).toEqual(allWeights.slice(2, 4));
    expect(names(layer.nonTrainableWeights)).toEqual(allWeights.slice(0, 2));
    model.dispose();
  });

  test('a frozen layer stays frozen when it is wrapped', () => {
    const layer = withMultipliers(dense({ trainable: false }));
    const model = modelOf(layer);
    expect(model.trainableWeights).toEqual([]);
    model.dispose();
  });

  test.each([true, false])(
    'frozen weights do not move in fit, compiled again: %s',
    async (again) => {
      const layer = withMultipliers(dense());
      const model = sequential({ layers: [layer, layers.dense({ units: 2, name: 'free' })] });
      const compile = (): void => model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
      const values = (): Map<string, number[]> =>
        new Map(
          model.weights.map((weight) => [weight.originalName, [...weight.read().dataSync()]]),
        );
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      compile();
      const before = values();
      layer.trainable = false;
      if (again) compile();
      const [inputs, targets] = [x(), tf.ones([4, 2])];
      await model.fit(inputs, targets, { verbose: 0 });
      for (const [name, value] of values()) {
        if (name.startsWith('free/')) expect(value).not.toEqual(before.get(name));
        else expect(value).toEqual(before.get(name));
      }
      warn.mockRestore();
      tf.dispose([inputs, targets]);
      model.dispose();
    },
  );

  test('freezing the whole model reaches every weight', () => {
    const model = modelOf(withMultipliers(dense()));
    model.trainable = false;
    expect(model.weights.some(({ trainable }) => trainable)).toBe(false);
    expect(model.trainableWeights).toEqual([]);
    model.dispose();
  });

  test('training moves the kernel, the bias and the factors', async () => {
    const layer = withMultipliers(dense(), { scalar: true });
    const model = modelOf(layer);
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const before = layer.getWeights().map((value) => [...value.dataSync()]);
    const [inputs, targets] = [x(), tf.ones([4, 5])];
    await model.fit(inputs, targets, { verbose: 0 });
    layer.getWeights().forEach((value, at) => {
      expect([...value.dataSync()]).not.toEqual(before[at]);
    });
    tf.dispose([inputs, targets]);
    model.dispose();
  });
});

describe('what the layer inside has', () => {
  test('its regularizer acts on W, not on the effective kernel', () => {
    const model = modelOf(
      withMultipliers(
        dense({ kernelRegularizer: regularizers.l2({ l2: 1 }), kernelInitializer: 'ones' }),
      ),
    );
    tf.tidy(() => {
      weightOf(model, 'd/kernel/row_multiplier').assign(tf.fill([5], 7));
      model.build([null, 3]);
      expect(model.calculateLosses().map((loss) => loss.dataSync()[0])).toEqual([15]);
    });
    model.dispose();
  });

  test('its constraint acts on W', () => {
    const layer = withMultipliers(dense({ kernelConstraint: constraints.nonNeg() }), {
      row: false,
    });
    const model = modelOf(layer);
    tf.tidy(() => {
      const [kernel, bias, column] = [tf.fill([3, 5], -1), tf.zeros([5]), tf.fill([3], -1)];
      layer.setWeights([kernel, bias, column]);
      expectClose(weightOf(model, 'd/kernel'), new Array(15).fill(0));
      expectClose(weightOf(model, 'd/kernel/column_multiplier'), [-1, -1, -1]);
    });
    model.dispose();
  });

  test('its mask reaches the next layer', () => {
    const build = (wrap: (layer: layers.Layer) => layers.Layer): LayersModel =>
      sequential({
        layers: [
          wrap(
            layers.embedding({
              inputDim: 5,
              outputDim: 3,
              maskZero: true,
              inputLength: 4,
              embeddingsInitializer: 'ones',
            }),
          ),
          layers.lstm({ units: 2, kernelInitializer: 'ones', recurrentInitializer: 'ones' }),
        ],
      });
    const [plain, wrapped] = [build((layer) => layer), build(withMultipliers)];
    tf.tidy(() => {
      const tokens = tf.tensor2d([
        [1, 2, 0, 0],
        [1, 2, 3, 4],
      ]);
      const expected = (plain.predict(tokens) as tf.Tensor).dataSync();
      expect((wrapped.predict(tokens) as tf.Tensor).dataSync()).toEqual(expected);
      expect(expected[0]).not.toBe(expected[2]);
    });
    plain.dispose();
    wrapped.dispose();
  });

  test('its refusal of a mask, its input check and its call hook', () => {
    const embedding = layers.embedding({
      inputDim: 5,
      outputDim: 3,
      maskZero: true,
      inputLength: 4,
    });
    expect(
      withMultipliers(layers.embedding({ inputDim: 5, outputDim: 3 })).supportsMasking,
    ).toBeFalsy();
    expect(withMultipliers(embedding).supportsMasking).toBe(true);
    const layer = withMultipliers(dense());
    const model = modelOf(layer);
    expect(() => layer.apply(tf.ones([2, 4]))).toThrow(/axis -1 of input shape to have value 3/);
    const hooks = [vi.fn(), vi.fn()];
    layer.setCallHook(hooks[0] as () => void);
    layer.layer.setCallHook(hooks[1] as () => void);
    outputs(model);
    for (const hook of hooks) expect(hook).toHaveBeenCalledOnce();
    model.dispose();
  });

  test('its warnings, its refusal of activity regularizers and its state', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const words = layers.embedding({ inputDim: 5, outputDim: 3, inputShape: [4] });
    withMultipliers(words).apply(input({ shape: [4, 2] }));
    expect(warn).not.toHaveBeenCalled();
    withMultipliers(dense()).apply(input({ shape: [4, 3] }));
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
    const active = new Gated({ units: 5, name: 'active', inputShape: [3] });
    active.activityRegularizer = regularizers.l1() as never;
    expect(() => modelOf(withMultipliers(active, { kernels: ['gate'] }))).toThrow(/activity/);
    const reset = vi.fn();
    const stateful = Object.assign(new Gated({ units: 5, name: 's', inputShape: [3] }), {
      _stateful: true,
      resetStates: reset,
    });
    const model = modelOf(withMultipliers(stateful, { kernels: ['gate'] }));
    expect(model.stateful).toBe(true);
    model.resetStates();
    expect(reset).toHaveBeenCalledOnce();
    model.dispose();
  });

  test('the kernel is put back when the call fails', () => {
    const layer = withMultipliers(dense());
    const model = modelOf(layer);
    const kernel = layer.layer.weights[0];
    layer.layer.setCallHook(() => {
      throw new Error('hook');
    });
    expect(() => layer.apply(tf.ones([2, 3]))).toThrow('hook');
    expect((layer.layer as unknown as { kernel: unknown }).kernel).toBe(kernel);
    model.dispose();
  });
});

describe('effective()', () => {
  test('is a tensor of the caller, and carries gradients', () => {
    const layer = withMultipliers(dense({ kernelInitializer: 'ones' }));
    const model = modelOf(layer);
    const row = weightOf(model, 'd/kernel/row_multiplier');
    tf.tidy(() => row.assign(tf.tensor1d([1, 2, 3, 4, 5])));
    const before = tf.memory().numTensors;
    const effective = layer.effective();
    expect(tf.memory().numTensors).toBe(before + 1);
    expectClose(effective, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    effective.dispose();
    tf.tidy(() => {
      const { grads } = tf.variableGrads(
        () => tf.sum(layer.effective('kernel')) as tf.Scalar,
        [row],
      );
      expectClose(grads[row.name] as tf.Tensor, [3, 3, 3, 3, 3]);
    });
    model.dispose();
  });

  test('names its kernels where there are several, and says when it is too early', () => {
    const early: MultiplierLayer = withMultipliers(dense());
    expect(() => early.effective()).toThrow(/"d" is not built yet/);
    const layer = withMultipliers(new Gated({ units: 5, inputShape: [3], name: 'g' }), {
      kernels: ['kernel', 'gate'],
    });
    const model = modelOf(layer);
    expect(() => layer.effective()).toThrow(/several kernels. Name one of kernel, gate/);
    expect(() => layer.effective('gates')).toThrow(/no kernel "gates". Did you mean "gate"/);
    const gate = layer.effective('gate');
    expectClose(gate, weightOf(model, 'g/gate').dataSync());
    gate.dispose();
    model.dispose();
  });
});

test('says its kernels with their names, factors and axes once it is built', () => {
  const wrapped = withMultipliers(
    layers.lstm({ units: 3, kernelInitializer: 'ones', recurrentInitializer: 'ones' }),
    { scalar: true, column: false },
  );
  expect(wrapped.kernels).toEqual([]);
  const model = sequential({ layers: [layers.inputLayer({ inputShape: [4, 2] }), wrapped] });
  const rows = wrapped.kernels.map(({ name, kernel, factors, axes }) => ({
    ...{ name, axes, kernel: kernel.originalName.split('/').at(-1) },
    factors: Object.entries(factors).map(([which, { originalName, shape }]) => [
      ...[which, originalName.split('/').slice(-2).join('/'), shape],
    ]),
  }));
  const axes = { row: [-1], column: [-2] };
  expect(rows).toEqual(
    ['kernel', 'recurrent_kernel'].map((name) => ({
      ...{ name, axes, kernel: name },
      factors: [
        ['row', `${name}/row_multiplier`, [12]],
        ['scalar', `${name}/scalar_multiplier`, []],
      ],
    })),
  );
  // assignRoles takes the axes from here.
  const up = withMultipliers(
    layers.conv2dTranspose({ filters: 2, kernelSize: 2, inputShape: [3, 3, 1], name: 'up' }),
  );
  const other = sequential({ layers: [up] });
  assignRoles(other);
  expect(kernelAxes(up.kernels[0]?.kernel.read() as tf.Variable)).toEqual({
    row: [-2],
    column: [-1],
  });
  model.dispose();
  other.dispose();
});

test('disposing frees every tensor, the remembered kernels too', () => {
  const before = tf.memory().numTensors;
  const model = modelOf(withMultipliers(dense(), { scalar: true }));
  expect(tf.memory().numTensors).toBe(before + 5);
  outputs(model);
  expect(model.dispose()).toEqual({ refCountAfterDispose: 0, numDisposedVariables: 5 });
  expect(tf.memory().numTensors).toBe(before);
  expect(() => model.predict(tf.ones([1, 3]))).toThrow(/disposed/);
});
