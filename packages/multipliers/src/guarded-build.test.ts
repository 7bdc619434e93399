import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { Gated } from '../test/layers.ts';
import { mlp, plain } from '../test/models.ts';
import { addMultipliers, foldMultipliers, withMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));
afterEach(() => {
  vi.restoreAllMocks();
});

const huge = 2 ** 28;

test.each<[string, () => layers.Layer, number[]]>([
  ['a kernel', () => layers.dense({ units: huge, name: 'd' }), [2]],
  ['an embedding', () => layers.embedding({ inputDim: huge, outputDim: 2 }), [1]],
  ['a filter', () => layers.conv2d({ filters: 1, kernelSize: [2 ** 20, 2 ** 20] }), [9, 9, 1]],
  ['a filter of a fraction', () => layers.conv1d({ filters: 1, kernelSize: 1.5 }), [9, 1]],
  ['a cell', () => layers.lstm({ units: 2 ** 15, recurrentInitializer: 'zeros' }), [2, 1]],
  [
    'a layer inside',
    () => layers.timeDistributed({ layer: layers.dense({ units: huge }) }),
    [2, 2],
  ],
])('%s of more than 2^28 values, or none, is refused before it is allocated', (_, make, shape) => {
  const layer = withMultipliers(make());
  const before = tf.memory();
  expect(() => layer.apply(input({ shape }))).toThrow(
    /^withMultipliers: weight ".*" of layer ".*" \(\w+\) must have whole dimensions and at most 2\^28/,
  );
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(tf.memory().numBytes).toBe(before.numBytes);
});

test('after it is built the layer adds weights as its class does', () => {
  const layer = layers.dense({ units: 2, inputShape: [3] });
  sequential({ layers: [withMultipliers(layer)] }).dispose();
  expect(Object.hasOwn(layer, 'addWeight')).toBe(false);
});

test('a layer that fails while it is built leaves no tensor, nor do its factors', () => {
  class Failing extends Gated {
    static override readonly className: string = 'TestFailing';
    override build(inputShape: number[]): void {
      super.build(inputShape);
      throw new Error('no');
    }
  }
  const tensors = tf.memory().numTensors;
  const [failing, wrong] = [
    withMultipliers(new Failing({ units: 2 }), { kernels: ['kernel'] }),
    withMultipliers(new Gated({ units: 2 }), { kernels: ['kernel', 'bias'] }),
  ];
  expect(() => failing.apply(input({ shape: [3] }))).toThrow('no');
  expect(() => wrong.apply(input({ shape: [3] }))).toThrow(/"bias" .* at least 2 axes/);
  expect(tf.memory().numTensors).toBe(tensors);
});

test.each<[string, (model: LayersModel) => LayersModel]>([
  ['addMultipliers', addMultipliers],
  ['foldMultipliers', foldMultipliers],
])('%s leaves no tensor where a layer cannot be copied', (_, convert) => {
  const source = mlp(plain);
  const tensors = tf.memory().numTensors;
  // The last layer, after others have been copied.
  vi.spyOn(source.getLayer('out'), 'getConfig').mockReturnValue({ name: 'out', units: 2.5 });
  expect(() => convert(source)).toThrow(/units/);
  vi.spyOn(source.getLayer('out'), 'getConfig').mockReturnValue({ name: 'out', units: 7 });
  expect(() => convert(source)).toThrow();
  expect(tf.memory().numTensors).toBe(tensors);
});
