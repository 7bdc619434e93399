import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { findOptimizer, OptimizerAdapter } from '@tfjs-lrm/core';
import { deserializeOptimizer, serializeOptimizer } from '@tfjs-lrm/core/kit';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, smallModel, train, weightsOf } from '../../../test/models.ts';
import { Passing } from '../../../test/optimizers.ts';
import { step, values, variable } from '../../../test/tensors.ts';
import {
  batchRamp,
  chain,
  constant,
  cosine,
  cosineRestarts,
  linear,
  polynomial,
  type Schedule,
  sqrt,
  warmupStableDecay,
  withSchedule,
} from './index.ts';

const SCHEDULES: [string, () => Schedule][] = [
  ['constant', () => constant()],
  ['linear', () => linear({ steps: 6, from: 0.1, to: 2 })],
  ['cosine', () => cosine({ steps: 6, finalFactor: 0.2 })],
  ['sqrt', () => sqrt({ warmup: 3 })],
  ['polynomial', () => polynomial({ steps: 6, power: 1.5, from: 0.9, to: 0.1 })],
  [
    'cosineRestarts',
    () => cosineRestarts({ steps: 2, growth: 2, peakFactor: 0.7, finalFactor: 0.1 }),
  ],
  ['batchRamp', () => batchRamp({ from: 2, to: 12, steps: 5, multiple: 2 }).factor],
  ...(['exponential', 'linear', 'cosine', '1-sqrt'] as const).map(
    (shape): [string, () => Schedule] => [
      `warmupStableDecay ${shape}`,
      () => warmupStableDecay({ warmup: 2, stable: 2, decay: 3, finalFactor: 0.1, shape }),
    ],
  ),
  [
    'chain of a chain',
    () =>
      chain([
        { steps: 2, schedule: linear({ steps: 2, from: 0.5, to: 1 }) },
        {
          steps: 9,
          schedule: chain([
            { steps: 1, schedule: constant() },
            { steps: 1, schedule: warmupStableDecay({ warmup: 1, stable: 1, decay: 2 }) },
          ]),
        },
      ]),
  ],
];

/** The weights after 7 steps, saved and loaded after some of them. */
async function trained(make: () => tf.Optimizer, stops: number[]): Promise<number[][]> {
  let model: LayersModel = smallModel();
  model.compile({ optimizer: make(), loss: 'meanSquaredError' });
  for (let at = 0; at < 7; at++) {
    if (stops.includes(at)) model = await reload(model);
    await train(model, at, at + 1);
  }
  return weightsOf(model);
}

onCpu(() => {
  test.each(SCHEDULES)(
    '%s: a loaded optimizer continues bit for bit where its schedule was',
    async (_, schedule) => {
      for (const make of [
        () => withSchedule(adam({ learningRate: 0.1 }), schedule()),
        () =>
          withSchedule(
            new Passing(withSchedule(tf.train.momentum(0.1, 0.9), schedule())),
            schedule(),
          ),
      ]) {
        const whole = await trained(make, []);
        expect(await trained(make, [3])).toEqual(whole);
        expect(await trained(make, [0, 1, 5])).toEqual(whole);
      }
    },
  );

  test.each(SCHEDULES)('%s is the same function after a file', async (_, schedule) => {
    const model = smallModel();
    model.compile({
      optimizer: withSchedule(tf.train.sgd(1), schedule()),
      loss: 'meanSquaredError',
    });
    const loaded = await reload(model);
    const target = variable([0], [1]);
    const factors = Array.from({ length: 12 }, (): number => {
      const before = values(target)[0] as number;
      step(loaded.optimizer, [[target, [1]]]);
      return before - (values(target)[0] as number);
    });
    factors.forEach((factor, at) => {
      expect(factor).toBeCloseTo(schedule()(at), 5);
    });
    expect(loaded.optimizer.getConfig()).toEqual(model.optimizer.getConfig());
  });

  test('a bare function refuses getConfig by the name of the option; its state can be saved all the same', async () => {
    const bare: Schedule = (at) => 0.5 ** at;
    for (const schedule of [bare, chain([{ steps: 5, schedule: bare }])]) {
      const optimizer = withSchedule(tf.train.momentum(1, 0.5), schedule);
      const outer = new Passing(optimizer);
      const target = variable([0], [1]);
      step(outer, [[target, [1]]]);
      for (const saved of [optimizer, outer]) {
        expect(() => saved.getConfig()).toThrow(
          'withSchedule: "schedule" holds a bare function, which cannot be saved. Use the schedules of this package, make your own by schedule(name, make, rules), or rebuild the optimizer in code and call setWeights.',
        );
      }
      const rebuilt = new Passing(withSchedule(tf.train.momentum(1, 0.5), schedule));
      await rebuilt.setWeights(await outer.getWeights());
      step(rebuilt, [[target, [0]]]);
      // Momentum 1 halved, at the rate of step 1.
      expect(values(target)).toEqual([-1.25]);
    }
  });

  test('a schedule written by hand with a class name that is not ours is refused on loading', () => {
    const custom = Object.assign((_: number) => 1, { className: 'mine', config: {} });
    const optimizer = withSchedule(tf.train.sgd(1), custom);
    const data = JSON.parse(JSON.stringify(serializeOptimizer(optimizer)));
    expect(() => deserializeOptimizer('here', data)).toThrow(
      'withSchedule: there is no schedule "mine" to load.',
    );
  });

  test.each([
    ['no schedule', undefined, 'there is no schedule undefined to load'],
    [
      'an object method',
      { className: 'toString', config: {} },
      'there is no schedule "toString" to load',
    ],
    ['a wrong value', { className: 'cosine', config: { steps: -1 } }, 'cosine: "steps" must be'],
    ['a missing value', { className: 'linear', config: {} }, 'linear: "steps" is missing'],
    ['a missing configuration', { className: 'cosine' }, 'cosine: "steps" is missing'],
    ['an empty chain', { className: 'chain', config: {} }, 'chain: give at least one part'],
    [
      'a broken part',
      { className: 'chain', config: { parts: [{ steps: 1 }] } },
      'there is no schedule undefined',
    ],
    [
      'a part that is nothing',
      { className: 'chain', config: { parts: [null] } },
      'there is no schedule undefined',
    ],
  ])('%s in a file is refused', (_, schedule, message) => {
    const inner = { className: 'SGD', config: { learningRate: 1 } };
    const data = { className: 'LrmSchedule', config: { inner, schedule, customObjects: {} } };
    expect(() => deserializeOptimizer('here', data)).toThrow(message);
  });

  test('the file holds the base rate and the steps of each schedule', async () => {
    const optimizer = withSchedule(
      withSchedule(tf.train.sgd(1), linear({ steps: 4 })),
      cosine({ steps: 8 }),
    );
    step(optimizer, [[variable([0], [1]), [1]]]);
    step(optimizer, [[variable([0], [1]), [1]]]);
    expect(optimizer.getConfig()).toEqual({
      schedule: { className: 'cosine', config: { steps: 8, finalFactor: 0 } },
      inner: {
        className: 'LrmSchedule',
        config: {
          schedule: { className: 'linear', config: { steps: 4, from: 1, to: 0 } },
          inner: { className: 'SGD', config: { learningRate: 1 } },
        },
      },
    });
    expect(
      (await optimizer.getWeights()).map(({ name, tensor }) => [name, values(tensor)]),
    ).toEqual([
      ['iter', [2]],
      ['schedule:schedule/iter', [2]],
      ['schedule:schedule:SGD/iter', [2]],
    ]);
    expect(optimizer instanceof OptimizerAdapter).toBe(true);
    expect(findOptimizer(optimizer, 'SGD')).not.toBeNull();
  });
});
