import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { checkLayers, checkModel } from './kit.ts';

onCpu(() => {
  test('what is no model is refused, with what was given and what to try', () => {
    const others = [
      ['undefined', undefined],
      ['5', 5],
      ['an object (AdamOptimizer)', tf.train.adam()],
      ['an object (Dense)', layers.dense({ units: 1 })],
    ];
    for (const [shown, value] of others) {
      expect(() => checkModel('watch', value, 'watch(model)')).toThrow(
        new TypeError(
          `watch: the model must be a tf.LayersModel. Received ${shown}. Try watch(model).`,
        ),
      );
    }
  });

  test('models are taken with layers and without; checkLayers takes only those with', () => {
    const empty = sequential({ name: 'empty' });
    checkModel('watch', empty, '');
    expect(() => checkLayers('watch', empty, '')).toThrow(
      'watch: model "empty" has no layers yet. Add its layers, or build it, first.',
    );
    const model = sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })] });
    checkLayers('watch', model, '');
  });
});
