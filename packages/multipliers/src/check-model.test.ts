import { GraphModel } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { addMultipliers, foldMultipliers } from './index.ts';

beforeAll(() => useBackend('cpu'));

describe.each([
  ['addMultipliers', addMultipliers],
  ['foldMultipliers', foldMultipliers],
] as const)('%s', (name, convert) => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /must be a tf.LayersModel. Received undefined/],
    ['an object', {}, /must be a tf.LayersModel. Received an object.*tf.loadLayersModel/],
    ['a class of models', sequential, /must be a tf.LayersModel. Received/],
    ['a list', [sequential()], /must be a tf.LayersModel. Received/],
    ['a layer', layers.dense({ units: 1, name: 'd' }), /"d" is a layer.*withMultipliers\(layer\)/],
    [
      'a graph model',
      new GraphModel('http://somewhere/model.json'),
      /GraphModel .*tensorflowjs_converter .*--output_format=tfjs_layers_model.*tf.loadLayersModel/,
    ],
    ['a model without layers', sequential({ name: 'empty' }), /"empty" has no layers yet/],
  ])('refuses %s, with what to give instead', (_, wrong, message) => {
    const tensors = tf.memory().numTensors;
    const call = (): unknown => convert(wrong as never);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(message);
    expect(call).toThrow(new RegExp(`^${name}: `));
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
