import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { bindState, transformState } from '@tfjs-lrm/core';
import { expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { reload, smallModel, train, weightsOf } from '../../../test/models.ts';
import { Factor, Passing } from '../../../test/optimizers.ts';
import { step, tensorsLeftBy, values, variable } from '../../../test/tensors.ts';
import { adam } from './index.ts';

const MAKE: [string, () => tf.Optimizer][] = [
  ['alone', () => adam({ learningRate: 0.05 })],
  ['in adapters', () => new Passing(new Factor(adam({ learningRate: 0.1, beta2: 0.97 }), 0.5))],
];

/** Trains with a layer frozen for some steps, so that variables have step counts of their own. */
async function trained(make: () => tf.Optimizer, stops: number[]): Promise<number[][]> {
  let model: LayersModel = smallModel();
  const compile = (optimizer: tf.Optimizer): void => {
    model.compile({ optimizer, loss: 'meanSquaredError' });
  };
  compile(make());
  for (let at = 0; at < 9; at++) {
    if (stops.includes(at)) {
      const loaded = await reload(model);
      model.optimizer.dispose();
      model.dispose();
      model = loaded;
    }
    if (at === 2 || at === 5) {
      model.layers[0]!.trainable = at === 5;
      compile(model.optimizer);
    }
    await train(model, at, at + 1);
  }
  const weights = weightsOf(model);
  model.optimizer.dispose();
  model.dispose();
  return weights;
}

onCpu(() => {
  test.each(MAKE)(
    '%s: saved, loaded and continued equals never having stopped, bit for bit',
    async (_, make) => {
      const whole = await trained(make, []);
      for (const stops of [[1], [4], [8], [1, 3, 6, 7]])
        expect(await trained(make, stops)).toEqual(whole);
    },
  );

  test('the state has the moments and the bias corrections of each variable', async () => {
    const target = tf.variable(tf.zeros([2]), true, 'adamstate/w_1');
    const optimizer = adam({ beta1: 0.5, beta2: 0.75 });
    step(optimizer, [[target, [2, 4]]]);
    step(optimizer, [[target, [2, 4]]]);
    const weights = await optimizer.getWeights();
    expect(Object.fromEntries(weights.map(({ name, tensor }) => [name, values(tensor)]))).toEqual({
      iter: [2],
      'adam/adamstate/w/m': [1.5, 3],
      'adam/adamstate/w/v': [1.75, 7],
      'adam/adamstate/w/c1': [0.75],
      'adam/adamstate/w/c2': [0.4375],
    });
    expect([...optimizer.slots(target).keys()]).toEqual(['m', 'v']);
    target.dispose();
  });

  test('state that waits to be bound is saved as it came, corrections too', async () => {
    const [a, b] = [variable([0], [1], 'a'), variable([0], [1], 'b')];
    const [first, second, third] = [adam(), adam(), adam()];
    step(first, [[a, [1]]]);
    step(first, [
      [a, [1]],
      [b, [1]],
    ]);
    const numbers = async (optimizer: tf.Optimizer): Promise<unknown> =>
      (await optimizer.getWeights()).map(({ name, tensor }) => [name, values(tensor)]).sort();
    const saved = await numbers(first);
    await second.setWeights(await first.getWeights());
    expect(await numbers(second)).toEqual(saved);
    step(second, [[b, null]]);
    await third.setWeights(await second.getWeights());
    step(third, [
      [b, null],
      [a, null],
    ]);
    const without = (list: unknown): unknown[] =>
      (list as [string, number[]][]).filter(([name]) => name !== 'iter');
    expect(without(await numbers(third))).toEqual(without(saved));
  });

  test('a second model of the process takes the state of the first by bindState', async () => {
    const model = smallModel();
    const optimizer = adam({ learningRate: 0.05 });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 3);
    const copy = smallModel();
    copy.setWeights(model.getWeights());
    const taken = adam({ learningRate: 0.05 });
    await taken.setWeights(await optimizer.getWeights());
    bindState(taken, copy);
    copy.compile({ optimizer: taken, loss: 'meanSquaredError' });
    await train(model, 3, 5);
    await train(copy, 3, 5);
    expect(weightsOf(copy)).toEqual(weightsOf(model));
  });

  test('transformState rescales the moments and leaves the corrections', async () => {
    const target = variable([0], [1]);
    const optimizer = adam({ beta1: 0.5, beta2: 0.5 });
    step(optimizer, [[target, [2]]]);
    const restored = adam({ beta1: 0.5, beta2: 0.5 });
    await restored.setWeights(await optimizer.getWeights());
    const seen: string[] = [];
    transformState(restored, target, (slot, value) => {
      seen.push(slot);
      return tf.mul(value, 10);
    });
    expect(seen.sort()).toEqual(['m', 'v']);
    const corrections = (await restored.getWeights()).filter(({ name }) => /c[12]$/.test(name));
    expect(corrections.map(({ tensor }) => values(tensor))).toEqual([[0.5], [0.5]]);
  });

  test('variables that are disposed leave neither moments nor corrections behind', async () => {
    const optimizer = adam();
    const stays = variable([0], [1]);
    const round = (): void => {
      const goes = variable([0, 0], [2]);
      step(optimizer, [
        [stays, [1]],
        [goes, [1, 1]],
      ]);
      step(optimizer, [[stays, [1]]]);
      step(optimizer, [
        [stays, null],
        [goes, [1, 1]],
      ]);
      goes.dispose();
    };
    round();
    expect(await tensorsLeftBy(() => [round(), round(), round()])).toBe(0);
    stays.dispose();
  });

  test('after dispose() nothing is left', async () => {
    const targets = [variable([0], [1]), variable([0, 0], [2])];
    const left = await tensorsLeftBy(async () => {
      const [a, b] = [adam(), adam()];
      step(a, [[targets[0]!, [1]]]);
      step(a, [
        [targets[0]!, [1]],
        [targets[1]!, [1, 1]],
      ]);
      await b.setWeights(await a.getWeights());
      step(b, [[targets[1]!, [1, 1]]]);
      await b.setWeights(await a.getWeights());
      a.dispose();
      b.dispose();
    });
    expect(left).toBe(0);
  });

  test('state of another shape is refused and stays waiting', async () => {
    const before = tf.variable(tf.zeros([2]), true, 'adamshape/w_1');
    const after = tf.variable(tf.zeros([3]), true, 'adamshape/w_2');
    const [first, second] = [adam(), adam()];
    step(first, [[before, [1, 1]]]);
    await second.setWeights(await first.getWeights());
    expect(() => step(second, [[after, [1, 1, 1]]])).toThrow(
      'LrmAdam (adam): saved state has other shapes: "adamshape/w" was saved with m [2]; v [2]; c1 []; c2 [], the variable is [3].',
    );
    expect(values(after)).toEqual([0, 0, 0]);
    step(second, [[before, null]]);
    expect(second.slots(before).size).toBe(2);
  });

  test("a scalar does not take a vector's moments, whose corrections are scalars too", async () => {
    const before = tf.variable(tf.zeros([2]), true, 'adamscalar/w_1');
    const after = tf.variable(tf.zeros([]), true, 'adamscalar/w_2');
    const [first, second] = [adam(), adam()];
    step(first, [[before, [1, 1]]]);
    await second.setWeights(await first.getWeights());
    expect(() => step(second, [[after, [1]]])).toThrow(/saved state has other shapes/);
  });
});
