import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel } from '../../../test/models.ts';
import { variable } from '../../../test/tensors.ts';
import { isModel, isVariable, variableOf } from './kit.ts';

onCpu(() => {
  test('a variable is one, trainable or not, disposed or not; nothing else is', () => {
    const gone = variable([1], [1]);
    gone.dispose();
    for (const each of [variable([1], [1]), tf.variable(tf.ones([2]), false), gone]) {
      expect(isVariable(each)).toBe(true);
    }
    for (const other of [
      tf.ones([2]),
      null,
      undefined,
      'w',
      3,
      {},
      { assign: () => {} },
      tf.Variable,
    ]) {
      expect(isVariable(other)).toBe(false);
    }
  });

  test('a model is one, nested or not, built or not; a layer, a cell and a look-alike are none', () => {
    const model = smallModel();
    for (const each of [model, layers.sequential(), layers.sequential({ layers: [model] })]) {
      expect(isModel(each)).toBe(true);
    }
    const cells = [layers.layers.lstmCell({ units: 2 })];
    const stacked = layers.layers.stackedRNNCells({ cells });
    const dense = layers.layers.dense({ units: 2 });
    const wrapped = layers.layers.timeDistributed({ layer: dense });
    for (const other of [
      ...cells,
      stacked,
      dense,
      wrapped,
      null,
      {},
      { layers: [], trainableWeights: [] },
    ]) {
      expect(isModel(other)).toBe(false);
    }
    model.dispose();
  });

  test('the variable of a weight is what tfjs trains', () => {
    const model = smallModel();
    const [weight] = model.trainableWeights;
    const own = variableOf(weight as layers.LayerVariable);
    expect(isVariable(own)).toBe(true);
    expect(Object.values(tf.engine().registeredVariables)).toContain(own);
    model.dispose();
  });
});
