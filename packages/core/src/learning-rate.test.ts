import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Factor, Passing, Probe, TFJS_OPTIMIZERS } from '../../../test/optimizers.ts';
import { expectClose, step, values, variable } from '../../../test/tensors.ts';
import { byRole, effectiveLearningRate, learningRate, learningRateOf } from './index.ts';
import { serializeOptimizer } from './kit.ts';

/** How far one step with a gradient of 1 moves a fresh variable. */
function moved(optimizer: tf.Optimizer): number {
  const target = variable([0], [1]);
  step(optimizer, [[target, [1]]]);
  const [value] = values(target);
  target.dispose();
  return -(value as number);
}

/** tfjs optimizers whose first step is a known multiple of the rate. */
const RATES = TFJS_OPTIMIZERS.filter(([name]) => name !== 'adadelta');

eachBackend(() => {
  test('the effective rate is the base rate times every factor around it', () => {
    const optimizer = new Factor(new Passing(new Factor(new Probe(0.5), 0.5)), 0.25);
    expect(moved(optimizer)).toBe(0.0625);
    expect(learningRate(optimizer)).toBe(0.5);
    expect(values(learningRateOf(optimizer, variable([0], [1])))).toEqual([0.0625]);
  });

  test('a base rate set at any time takes effect at the next step, under a schedule too', () => {
    const probe = new Probe(0.5);
    const outer = new Factor(new Passing(probe), 0.5);
    expect(moved(outer)).toBe(0.25);
    outer.learningRate = 0.25;
    expect(moved(outer)).toBe(0.125);
    expect([outer.learningRate, probe.learningRate]).toEqual([0.25, 0.25]);
    probe.learningRate = 1;
    expect(outer.learningRate).toBe(1);
    expect(moved(outer)).toBe(0.5);
    outer.setLearningRate(2);
    outer.by = 0.125;
    expect(moved(outer)).toBe(0.25);
  });

  test('a rate set between steps is not in force before the step', () => {
    const probe = new Probe(0.5);
    const target = variable([0], [1]);
    step(probe, [[target, [1]]]);
    const rate = learningRateOf(probe, target);
    probe.learningRate = 0.25;
    expect(values(rate)).toEqual([0.5]);
    step(probe, [[target, [1]]]);
    expect(values(learningRateOf(probe, target))).toEqual([0.25]);
    expect(learningRateOf(probe, target)).toBe(rate);
  });

  test.each(RATES)("tfjs' %s steps with base times factor, and its base can be set", (_, make) => {
    const optimizer = make();
    const unit = moved(make());
    const base = learningRate(make());
    const outer = new Factor(optimizer, 0.5);
    expectClose([moved(outer)], [unit / 2], 1e-6);
    expect(learningRate(outer)).toBe(base);
    expect(learningRateOf(outer, variable([0], [1])).dataSync()[0]).toBeCloseTo(base / 2, 7);
    outer.by = 0;
    expect(moved(outer)).toBeCloseTo(0, 12);
    outer.by = 1;
    outer.learningRate = 0;
    expect(moved(outer)).toBeCloseTo(0, 12);
    expect(learningRate(outer)).toBe(0);
  });

  test.each([
    ['sgd', () => tf.train.sgd(0.5)],
    ['momentum', () => tf.train.momentum(0.5, 0)],
  ] as const)("%s' cached rate follows the schedule, the base rate and both setters", (_, make) => {
    const optimizer = make();
    const outer = new Factor(optimizer, 0.5);
    expect(moved(outer)).toBe(0.25);
    outer.by = 0.25;
    expect(moved(outer)).toBe(0.125);
    outer.learningRate = 1;
    expect(moved(outer)).toBe(0.25);
    // Bare, assigning the field does nothing: the step is made with a cached tensor.
    (optimizer as unknown as { learningRate: number }).learningRate = 2;
    expect(learningRate(outer)).toBe(2);
    expect(moved(outer)).toBe(0.5);
    optimizer.setLearningRate(4);
    expect(moved(outer)).toBe(1);
    expect(learningRate(outer)).toBe(4);
    outer.by = 1;
    (optimizer as unknown as { learningRate: number }).learningRate = 8;
    expect(moved(outer)).toBe(8);
    (optimizer as unknown as { learningRate: number }).learningRate = 16;
    outer.learningRate = 8;
    expect(moved(outer)).toBe(8);
  });

  test('bare SGD ignores an assigned rate: what the wrapper makes up for', () => {
    const bare = tf.train.sgd(0.5);
    (bare as unknown as { learningRate: number }).learningRate = 2;
    expect(moved(bare)).toBe(0.5);
  });

  test('a rate assigned on a wrapped Adam is the new base rate', () => {
    const adam = tf.train.adam(0.5);
    const outer = new Factor(adam, 0.5);
    moved(outer);
    (adam as unknown as { learningRate: number }).learningRate = 0.75;
    expect(learningRate(outer)).toBe(0.75);
    moved(outer);
    expect((adam as unknown as { learningRate: number }).learningRate).toBe(0.375);
    expect(learningRate(outer)).toBe(0.75);
    expect(adam.getConfig()['learningRate']).toBe(0.375);
    expect(serializeOptimizer(adam).config['learningRate']).toBe(0.75);
  });

  test("byRole reads the default's rate, refuses to set one, and hands the factor to each", () => {
    const [matrix, rest] = [new Probe(0.5), tf.train.sgd(0.25)];
    const groups = byRole({ matrix, default: rest });
    const outer = new Factor(groups, 0.5);
    expect([groups.learningRate, outer.learningRate, learningRate(outer)]).toEqual([
      0.25, 0.25, 0.25,
    ]);
    for (const set of [
      () => outer.setLearningRate(1),
      () => {
        groups.learningRate = 1;
      },
    ]) {
      expect(set).toThrow(
        'byRole: each of its optimizers has a learning rate of its own (matrix: 0.5, default: 0.25). Set the one you mean.',
      );
    }
    const [kernel, bias] = [variable([0], [1, 1]), variable([0], [1])];
    step(outer, [
      [kernel, [1]],
      [bias, [1]],
    ]);
    expect([...values(kernel), ...values(bias)]).toEqual([-0.25, -0.125]);
    expect(values(learningRateOf(outer, kernel))).toEqual([0.25]);
    expect(values(learningRateOf(outer, bias))).toEqual([0.125]);
    matrix.learningRate = 1;
    step(outer, [[kernel, [0]]]);
    expect(values(learningRateOf(outer, kernel))).toEqual([0.5]);
  });

  test.each([-1, Number.NaN, Infinity, '0.1', null, undefined])(
    'a rate of %s is refused',
    (rate) => {
      const outer = new Passing(new Probe(0.5));
      expect(() => {
        outer.learningRate = rate as number;
      }).toThrow(/^TestProbe: learningRate must be a finite number >= 0\. Received .* Try 1e-3\.$/);
      expect(() => new Passing(tf.train.sgd(0.1)).setLearningRate(rate as number)).toThrow(
        RangeError,
      );
      expect(moved(outer)).toBe(0.5);
    },
  );

  test('the effective rate is as easy to read as the base rate, through adapters and groups', () => {
    const target = variable([1], [1]);
    for (const [inner, rate] of [
      [new Probe(0.5), 0.5],
      [tf.train.sgd(0.25), 0.25],
      [byRole({ head: new Probe(9), default: new Probe(0.125) }), 0.125],
    ] as const) {
      const factor = new Factor(new Passing(inner), 0.5);
      const outer = new Factor(factor, 0.5);
      step(outer, [[target, [0]]]);
      expect([learningRate(outer), effectiveLearningRate(outer)]).toEqual([rate, rate / 4]);
      factor.by = 0;
      step(outer, [[target, [0]]]);
      expect([learningRate(outer), effectiveLearningRate(outer)]).toEqual([rate, 0]);
      expect(values(learningRateOf(outer, target))).toEqual([0]);
    }
    expect(effectiveLearningRate(tf.train.adam(0.5))).toBe(0.5);
  });
});
