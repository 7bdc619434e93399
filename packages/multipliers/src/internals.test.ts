/** Each private of tfjs that this package uses is there in the installed tfjs. */
import * as tf from '@tensorflow/tfjs-core';
import { constraints, initializers, layers, sequential } from '@tensorflow/tfjs-layers';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { initializerFrom, internals, layerToConfig, takesStates } from './internals.ts';

onCpu(() => {
  test('Layer.initialWeights: those of the configuration', () => {
    expect(internals(layers.dense({ units: 1 })).initialWeights).toBeNull();
    const weights = [tf.ones([1, 1])];
    expect(internals(layers.dense({ units: 1, weights })).initialWeights).toBe(weights);
    tf.dispose(weights);
  });

  test('Layer._nonTrainableWeights: those that never train', () => {
    const layer = layers.batchNormalization({ inputShape: [2] });
    const model = sequential({ layers: [layer] });
    const names = internals(layer)._nonTrainableWeights.map(({ originalName }) => originalName);
    expect(names.map((name) => name.split('/').at(-1))).toEqual(['moving_mean', 'moving_variance']);
    model.dispose();
  });

  test('Layer._refCount: null, then how many calls there are, then 0', () => {
    const layer = layers.dense({ units: 1, inputShape: [2] });
    expect(internals(layer)._refCount).toBeNull();
    const model = sequential({ layers: [layer] });
    model.build();
    const count = internals(layer)._refCount as number;
    expect(count).toBeGreaterThan(0);
    for (let i = 0; i < count; i++) layer.dispose();
    expect(internals(layer)._refCount).toBe(0);
    expect(() => layer.apply(tf.ones([1, 2]))).toThrow(/disposed/);
  });

  test('Layer.warnOnIncompatibleInputShape, _trainableWeights and trainable_', () => {
    const layer = layers.dense({ units: 1 });
    expect(internals(layer).warnOnIncompatibleInputShape).toBeTypeOf('function');
    expect(layer).toHaveProperty('_trainableWeights', []);
    expect(layer).toHaveProperty('trainable_', true);
  });

  test('RNN.cell and Bidirectional.forwardLayer tell what takes states', () => {
    const gru = layers.gru({ units: 1 });
    expect([gru, layers.bidirectional({ layer: gru as never })].map(takesStates)).toEqual([
      true,
      true,
    ]);
    expect(takesStates(layers.dense({ units: 1 }))).toBe(false);
  });

  test('the depth multiplier and the constraint that tfjs does not save', () => {
    const separable = layers.separableConv2d({ filters: 1, kernelSize: 1, depthMultiplier: 3 });
    expect(separable.getConfig()).not.toHaveProperty('depthMultiplier');
    expect(layerToConfig(separable).config['depthMultiplier']).toBe(3);
    const depthwiseConstraint = constraints.nonNeg();
    const depthwise = layers.depthwiseConv2d({ kernelSize: 1, depthwiseConstraint });
    expect(depthwise.getConfig()['depthwiseConstraint']).toBeNull();
    expect(layerToConfig(depthwise).config['depthwiseConstraint']).toEqual({
      className: 'NonNeg',
      config: {},
    });
  });

  test('Dense.kernelInitializer: the initializer of a name, a configuration or itself', () => {
    const ones = initializers.ones();
    expect(initializerFrom(ones)).toBe(ones);
    expect(initializerFrom('zeros').getClassName()).toBe('Zeros');
    const config = { className: 'Constant', config: { value: 2 } };
    expect(initializerFrom(config as never).getConfig()).toEqual({ value: 2 });
  });
});
