import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { Factor, Passing, Probe } from '../../../test/optimizers.ts';
import { byRole, findOptimizer } from './index.ts';

onCpu(() => {
  const tree = () => {
    const adam = tf.train.adam(0.1);
    const probe = new Probe(1);
    const groups = byRole({ matrix: probe, default: new Factor(adam, 1) });
    return { adam, probe, groups, outer: new Passing(groups) };
  };

  test('an optimizer is found by the name that users know, and by that of its class', () => {
    const { adam, probe, groups, outer } = tree();
    expect(findOptimizer(outer, 'probe')).toBe(probe);
    expect(findOptimizer(outer, 'TestProbe')).toBe(probe);
    expect(findOptimizer(outer, 'byRole')).toBe(groups);
    expect(findOptimizer(outer, 'Adam')).toBe(adam);
    expect(findOptimizer(outer, 'passing')).toBe(outer);
    expect(findOptimizer(adam, 'Adam')).toBe(adam);
    expect(findOptimizer(adam, 'SGD')).toBeNull();
  });

  test('one that is known and not here is null', () => {
    const { probe, outer } = tree();
    expect(findOptimizer(outer, 'SGD')).toBeNull();
    expect(findOptimizer(probe, 'factor')).toBeNull();
  });

  test('a name that no optimizer has is an error that lists those that are here', () => {
    const { outer } = tree();
    expect(() => findOptimizer(outer, 'prob')).toThrow(
      'findOptimizer: no optimizer is called "prob". Here are passing, byRole, probe, factor, Adam. Did you mean "probe"?',
    );
    expect(() => findOptimizer(outer, 'adm')).toThrow(RangeError);
  });
});
