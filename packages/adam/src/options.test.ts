import * as tf from '@tensorflow/tfjs-core';
import { isTensorOptimizer } from '@tfjs-lrm/core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { adam } from './index.ts';

const loaded = (config: object): tf.Optimizer => {
  const [cls, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap.LrmAdam!;
  return fromConfig(cls, config as tf.serialization.ConfigDict) as unknown as tf.Optimizer;
};

onCpu(() => {
  test('the defaults are those of the paper, with a rate of 1e-3', () => {
    const optimizer = adam();
    expect(optimizer.getConfig()).toEqual({
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
    });
    expect(optimizer.getClassName()).toBe('LrmAdam');
    expect(isTensorOptimizer(optimizer)).toBe(true);
    expect(adam({ beta1: undefined }).getConfig()).toEqual(optimizer.getConfig());
  });

  test.each([
    [{ learningrate: 1 }, 'adam: unknown option "learningrate". Did you mean "learningRate"?'],
    [{ beta_1: 0.9 }, 'adam: unknown option "beta_1". Did you mean "beta1"?'],
    [{ eps: 1e-8 }, 'adam: unknown option "eps". Did you mean'],
    [
      { learningRate: -1 },
      'adam: "learningRate" must be a finite number >= 0. Received -1. Try 1e-3.',
    ],
    [{ learningRate: Infinity }, '"learningRate" must be a finite number >= 0. Received Infinity.'],
    [{ beta1: 1 }, 'adam: "beta1" must be a finite number >= 0 and < 1. Received 1. Try 0.9.'],
    [
      { beta2: -0.1 },
      'adam: "beta2" must be a finite number >= 0 and < 1. Received -0.1. Try 0.999.',
    ],
    [{ epsilon: 0 }, 'adam: "epsilon" must be a finite number > 0. Received 0. Try 1e-8.'],
    [{ epsilon: Number.NaN }, '"epsilon" must be a finite number > 0. Received NaN.'],
    [{ beta1: '0.9' }, '"beta1" must be a finite number >= 0 and < 1. Received "0.9".'],
  ])('adam(%j) is refused', (options, message) => {
    expect(() => adam(options as never)).toThrow(message);
    expect(() => adam(options as never)).toThrow(RangeError);
  });

  test('the arguments of tf.train.adam are refused with the right form', () => {
    expect(() => adam(0.001 as never)).toThrow(
      'adam: options must be one object. Received 0.001. Try adam({ learningRate }).',
    );
    expect(() => adam(null as never)).toThrow(TypeError);
  });

  test('a saved configuration may have keys from tfjs, but no wrong value', () => {
    const options = { learningRate: 0.5, beta1: 0.8, beta2: 0.95, epsilon: 1e-6 };
    expect(loaded({ ...options, customObjects: {}, later: 5 }).getConfig()).toEqual(options);
    expect(loaded({ learningRate: null }).getConfig()).toEqual(adam().getConfig());
    expect(() => loaded({ beta1: 2 })).toThrow('adam: "beta1" must be');
    expect(() => loaded({ learningRate: 'fast' })).toThrow('adam: "learningRate" must be');
  });

  test('the rate that was set is the one that is saved', () => {
    const optimizer = adam();
    optimizer.learningRate = 0.25;
    expect(loaded(optimizer.getConfig()).getConfig()).toEqual(optimizer.getConfig());
    expect(optimizer.getConfig()['learningRate']).toBe(0.25);
  });
});
