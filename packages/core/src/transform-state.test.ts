import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Factor, Passing, Probe } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import {
  asTensorOptimizer,
  byRole,
  findOptimizer,
  learningRate,
  learningRateOf,
  transformState,
} from './index.ts';
import { updaterOf } from './kit.ts';

eachBackend(() => {
  test('the updater of a variable is found through adapters and byRole', () => {
    const [matrix, adam] = [new Probe(0.5), tf.train.adam(0.25)];
    const optimizer = new Passing(byRole({ matrix: new Factor(matrix, 0.5), default: adam }));
    const [kernel, bias] = [variable([1], [1, 1]), variable([1], [1])];
    expect(updaterOf(optimizer, kernel)).toBe(matrix);
    expect(updaterOf(optimizer, bias)).toBe(asTensorOptimizer(adam));
    expect(updaterOf(adam, bias)).toBe(asTensorOptimizer(adam));
    optimizer.beforeStep();
    expect(values(learningRateOf(optimizer, kernel))).toEqual([0.25]);
    expect(values(learningRateOf(optimizer, bias))).toEqual([0.25]);
  });

  test('the rate is one live scalar, and reading it again leaks nothing', async () => {
    const optimizer = new Passing(new Probe(0.5));
    const target = variable([1], [1]);
    const rate = learningRateOf(optimizer, target);
    expect(
      await tensorsLeftBy(() => {
        for (let i = 0; i < 3; i++) {
          step(optimizer, [[target, [0]]]);
          expect(learningRateOf(optimizer, target)).toBe(rate);
        }
      }),
    ).toBe(1); // the slot
    expect(rate.rank).toBe(0);
  });

  test('learningRate reads the base rate of any optimizer', () => {
    expect(learningRate(tf.train.sgd(0.5))).toBe(0.5);
    expect(learningRate(new Factor(tf.train.adamax(0.25), 0.5))).toBe(0.25);
    expect(learningRate(new Probe(0.125))).toBe(0.125);
  });

  test('findOptimizer searches from the outside inwards, and finds those of tfjs', () => {
    const [first, second] = [new Probe(1), new Probe(2)];
    const adam = tf.train.adam(1);
    const groups = byRole({ matrix: new Passing(first), head: second, default: adam });
    const outer = new Factor(groups, 1);
    expect(findOptimizer(outer, 'TestFactor')).toBe(outer);
    expect(findOptimizer(outer, 'LrmByRole')).toBe(groups);
    expect(findOptimizer(outer, 'TestProbe')).toBe(first);
    expect(findOptimizer(outer, 'Adam')).toBe(adam);
    expect(findOptimizer(outer, 'SGD')).toBeNull();
    expect(findOptimizer(adam, 'Adam')).toBe(adam);
    expect(findOptimizer(adam, 'TestProbe')).toBeNull();
  });

  test('transformState rescales the slots of one variable, in ours and in those of tfjs', async () => {
    const [ours, adam] = [new Probe(0.5), tf.train.adam(0.5)];
    const optimizer = new Passing(byRole({ matrix: ours, default: adam }));
    const [kernel, other, bias] = [
      variable([1], [1, 1]),
      variable([1], [1, 1]),
      variable([1], [1]),
    ];
    step(optimizer, [
      [kernel, [2]],
      [other, [2]],
      [bias, [2]],
    ]);
    const seen: string[] = [];
    const left = await tensorsLeftBy(() => {
      for (const target of [kernel, bias]) {
        transformState(optimizer, target, (slot, value) => {
          seen.push(slot);
          return tf.mul(value, slot === 'v' ? 100 : 10);
        });
      }
    });
    expect(left).toBe(0);
    expect(seen).toEqual(['momentum', 'm', 'v']);
    expect(values(ours.slots(kernel).get('momentum')!)).toEqual([20]);
    expect(values(ours.slots(other).get('momentum')!)).toEqual([2]);
    const slots = asTensorOptimizer(adam).slots(bias);
    expect(values(slots.get('m')!)[0]).toBeCloseTo(2, 5);
    expect(values(slots.get('v')!)[0]).toBeCloseTo(0.4, 5);
    // A variable without slots has none to transform.
    expect(() => transformState(optimizer, variable([1], [1]), () => tf.scalar(0))).not.toThrow();
  });

  test('transformState reaches state that waits to be bound', async () => {
    const target = variable([1], [1]);
    const trained = new Passing(tf.train.momentum(0.5, 0.5));
    step(trained, [[target, [2]]]);
    const restored = new Passing(tf.train.momentum(0.5, 0.5));
    await restored.setWeights(await trained.getWeights());
    transformState(restored, target, (_, value) => tf.mul(value, 10));
    step(restored, [[target, [0]]]);
    // Momentum 2, tenfold, halved once: 10.
    expect(values(target)).toEqual([1 - 0.5 * 2 - 0.5 * 10]);
  });
});
