import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { byRole, learningRate, learningRateOf } from '@tfjs-lrm/core';
import { childrenOf } from '@tfjs-lrm/core/kit';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Passing, Probe } from '../../../test/optimizers.ts';
import { hostReads, step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { constant, cosine, linear, type Schedule, withSchedule } from './index.ts';

/** How far each of the next steps with a gradient of 1 moves a variable under plain descent. */
function moves(optimizer: tf.Optimizer, steps: number): number[] {
  const target = variable([0], [1]);
  let before = 0;
  return Array.from({ length: steps }, () => {
    step(optimizer, [[target, [1]]]);
    const [after] = values(target) as [number];
    const moved = before - after;
    before = after;
    return moved;
  });
}

const halving: Schedule = (at) => 0.5 ** at;

eachBackend(() => {
  test('step t is made with the base rate times the factor at t, counted from 0', () => {
    expect(moves(withSchedule(tf.train.sgd(1), halving), 4)).toEqual([1, 0.5, 0.25, 0.125]);
    expect(moves(withSchedule(tf.train.momentum(1, 0), linear({ steps: 4 })), 5)).toEqual([
      1, 0.75, 0.5, 0.25, 0,
    ]);
    const [first, second] = moves(withSchedule(adam({ learningRate: 1 }), halving), 2);
    expect([first, second]).toEqual([expect.closeTo(1, 6), expect.closeTo(0.5, 6)]);
  });

  test('nested schedules multiply, adapters between them or not', () => {
    const nested = withSchedule(new Passing(withSchedule(tf.train.sgd(1), halving)), halving);
    expect(moves(nested, 3)).toEqual([1, 0.25, 0.0625]);
    const three = withSchedule(
      withSchedule(withSchedule(tf.train.sgd(1), halving), constant()),
      halving,
    );
    expect(moves(three, 3)).toEqual([1, 0.25, 0.0625]);
  });

  test('a base rate set during training, as by a callback on a plateau, acts at the next step', () => {
    const optimizer = withSchedule(tf.train.sgd(1), halving);
    expect(moves(optimizer, 1)).toEqual([1]);
    optimizer.learningRate = 4;
    expect(learningRate(optimizer)).toBe(4);
    expect(moves(optimizer, 2)).toEqual([2, 1]);
    optimizer.setLearningRate(16);
    expect(moves(optimizer, 1)).toEqual([2]);
  });

  test('every optimizer inside byRole gets the factor on its own base rate', () => {
    const optimizer = withSchedule(
      byRole({ matrix: withSchedule(tf.train.sgd(1), halving), default: new Probe(4) }),
      halving,
    );
    const [kernel, bias] = [variable([0], [1, 1]), variable([0], [1])];
    const seen: number[][] = [];
    for (let t = 0; t < 3; t++) {
      step(optimizer, [
        [kernel, [1]],
        [bias, [1]],
      ]);
      seen.push([kernel, bias].map((v) => values(learningRateOf(optimizer, v))[0]!));
    }
    expect(seen).toEqual([
      [1, 4],
      [0.25, 2],
      [0.0625, 1],
    ]);
  });

  test.each([
    ['NaN', Number.NaN],
    ['infinity', Infinity],
    ['a negative number', -0.5],
    ['nothing', undefined],
    ['a string', '0.5'],
  ])('a schedule that returns %s is an error before anything changed', (_, wrong) => {
    const failing: Schedule = (at) => (at === 2 ? (wrong as number) : 1);
    const sgd = tf.train.sgd(1);
    const others = new Probe(1);
    // The optimizer that would count first is not the one whose schedule fails.
    const groups = byRole({ default: others, matrix: withSchedule(sgd, failing) });
    const optimizer = new Passing(groups);
    const [kernel, bias] = [variable([0], [1, 1]), variable([0], [1])];
    const take = (): void =>
      step(optimizer, [
        [kernel, [1]],
        [bias, [1]],
      ]);
    take();
    take();
    const before = [...values(kernel), ...values(bias)];
    for (let i = 0; i < 2; i++) {
      expect(take).toThrow(
        /^withSchedule: a schedule must return a finite factor >= 0\. Received .* at step 2\.$/,
      );
    }
    expect([...values(kernel), ...values(bias)]).toEqual(before);
    const counts = [optimizer, groups, others, ...childrenOf(groups)].map(
      ({ iterations }) => iterations,
    );
    expect(counts).toEqual(counts.map(() => 2));
    expect(values(others.slots(bias).get('momentum')!)).toEqual([1.5]);
  });

  test('a factor of 0 stops the movement and counts the step', () => {
    const optimizer = withSchedule(tf.train.sgd(1), (at) => (at === 1 ? 0 : 1));
    expect(moves(optimizer, 3)).toEqual([1, 0, 1]);
    expect(optimizer.iterations).toBe(3);
  });

  test('what is no schedule, or starts with a wrong factor, is refused and leaves the optimizer free', () => {
    for (const [wrong, shown] of [
      [0.5, '0.5'],
      [undefined, 'undefined'],
      [{ steps: 1 }, 'an object (Object)'],
    ] as const) {
      expect(() => withSchedule(tf.train.sgd(1), wrong as never)).toThrow(
        `withSchedule: the schedule must be a function of the step. Received ${shown}. Try cosine({ steps: 1000 }).`,
      );
    }
    const sgd = tf.train.sgd(1);
    expect(() => withSchedule(sgd, () => Number.NaN)).toThrow(/at step 0/);
    expect(moves(withSchedule(sgd, constant()), 1)).toEqual([1]);
    expect(() => withSchedule(null as never, constant())).toThrow(/expected a tf.Optimizer/);
  });

  test('the rate of the first step is known before it', () => {
    const optimizer = withSchedule(adam({ learningRate: 1 }), () => 0.25);
    expect(values(learningRateOf(optimizer, variable([0], [1])))).toEqual([0.25]);
  });

  test('steps under a schedule leave no tensor behind and wait for no value', async () => {
    const optimizer = withSchedule(
      new Passing(withSchedule(tf.train.sgd(1), cosine({ steps: 9 }))),
      halving,
    );
    const target = variable([0], [1]);
    step(optimizer, [[target, [1]]]);
    const more = (): void => {
      for (let t = 0; t < 3; t++) step(optimizer, [[target, [1]]]);
    };
    expect(await tensorsLeftBy(more)).toBe(0);
    expect(hostReads(more)).toBe(0);
    expect(await tensorsLeftBy(() => optimizer.dispose())).toBe(-1); // the rate that SGD caches
  });
});
