import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { linear, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { step, values, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

const FACTORIES = { adam, linear, withClipping, withSchedule, withWeightDecay };
type Factories = typeof FACTORIES;

/** What a second installation in the same process is: other classes, other registers of their own. */
async function secondCopy(): Promise<Factories> {
  vi.resetModules();
  const copies = await Promise.all([
    import('@tfjs-lrm/adam'),
    import('@tfjs-lrm/schedule'),
    import('@tfjs-lrm/weight-decay'),
    import('./index.ts'),
  ]);
  return Object.assign({}, ...copies) as Factories;
}

const stack = (outer: Factories, inner: Factories): tf.Optimizer =>
  outer.withSchedule(
    inner.withClipping(outer.withWeightDecay(inner.adam({ learningRate: 0.1 })), { globalNorm: 1 }),
    inner.linear({ steps: 4 }),
  );

async function train(optimizer: tf.Optimizer): Promise<readonly (readonly number[])[]> {
  const kernel = variable([1, -2, 3, -4], [2, 2]);
  for (let i = 0; i < 3; i++) step(optimizer, [[kernel, [3, i, -1, 2]]]);
  const saved = (await optimizer.getWeights()).map(({ tensor }) => values(tensor));
  return [values(kernel), ...saved];
}

onCpu(() => {
  test('two copies of the packages nest in one another and step as one copy does', async () => {
    const one = FACTORIES;
    const two = await secondCopy();
    expect(two.adam).not.toBe(one.adam);
    const expected = await train(stack(one, one));
    expect(await train(stack(one, two))).toEqual(expected);
    expect(await train(stack(two, one))).toEqual(expected);
    expect(await train(stack(two, two))).toEqual(expected);
  });

  test('what one copy saved the other continues', async () => {
    const one = FACTORIES;
    const two = await secondCopy();
    const kernel = variable([1, -2], [2]);
    const optimizer = stack(one, two);
    step(optimizer, [[kernel, [1, 2]]]);
    const start = values(kernel);
    const saved = (await optimizer.getWeights()).map(({ name, tensor }) => ({
      name,
      tensor: tf.clone(tensor),
    }));
    step(optimizer, [[kernel, [2, -1]]]);

    const again = variable(start, [2]);
    const resumed = stack(two, one);
    await resumed.setWeights(saved);
    step(resumed, [[again, [2, -1]]]);
    expect(values(again)).toEqual(values(kernel));
  });
});
