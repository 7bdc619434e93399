import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Passing } from '../../../test/optimizers.ts';
import { hostReads, step, tensorsLeftBy, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

const near = (value: number): number => expect.closeTo(value, 4) as number;

/** A matrix with norm 5 and a multiplier with norm 13. */
const gradients = (scale = 1): [tf.Variable, number[]][] => [
  [variable([0, 0], [1, 2]), [3 * scale, 4 * scale]],
  [variable([0, 0], [2], 'row_multiplier'), [5 * scale, 12 * scale]],
];

eachBackend(() => {
  test('norms tells the norms before clipping and the coefficient of the last step', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 2 });
    const entries = gradients();
    step(optimizer, entries);
    expect(await optimizer.norms()).toEqual({
      global: near(5),
      excluded: near(13),
      coefficient: near(2 / (5 + 1e-6)),
      skipped: 0,
    });
    step(
      optimizer,
      entries.map(([v, g]) => [v, g.map((x) => x / 10)]),
    );
    expect(await optimizer.norms()).toEqual({
      global: near(0.5),
      excluded: near(1.3),
      coefficient: 1,
      skipped: 0,
    });
    step(optimizer, [[entries[1]![0], [3, 4]]]);
    expect(await optimizer.norms()).toEqual({
      global: 0,
      excluded: near(5),
      coefficient: 1,
      skipped: 0,
    });
  });

  test('a threshold of infinity measures and clips nothing', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: Infinity });
    step(optimizer, gradients());
    expect(await optimizer.norms()).toEqual({
      global: near(5),
      excluded: near(13),
      coefficient: 1,
      skipped: 0,
    });
  });

  test('norms are those of what reaches the global norm: after value, variable and unit', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 1, value: 3 });
    step(optimizer, gradients());
    expect(await optimizer.norms()).toMatchObject({
      global: near(Math.SQRT2 * 3),
      excluded: near(13),
    });
  });

  test('a non-finite norm is told as it is', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 1 });
    step(optimizer, [[variable([0], [1]), [Number.NaN]]]);
    expect(await optimizer.norms()).toMatchObject({ global: Number.NaN, coefficient: Number.NaN });
    step(optimizer, [[variable([0], [1]), [Infinity]]]);
    expect(await optimizer.norms()).toMatchObject({ global: Infinity, coefficient: 0 });
  });

  test('the value is read when asked for, not in the step, and leaves no tensor', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 1 });
    const outer = new Passing(optimizer);
    const entries = gradients();
    step(outer, entries);
    expect(await tensorsLeftBy(() => optimizer.norms())).toBe(0);
    expect(await tensorsLeftBy(() => step(outer, entries))).toBe(0);
    const list = entries.map(([v, g]) => ({ name: v.name, tensor: tf.tensor(g, v.shape) }));
    expect(hostReads(() => outer.applyGradients(list))).toBe(0);
    expect(hostReads(() => void optimizer.norms())).toBe(4);
    expect(await tensorsLeftBy(() => outer.dispose())).toBe(-5); // four measures, SGD's cached rate
  });

  test('there are no norms before the first step, without globalNorm, or after dispose()', async () => {
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 1 });
    await expect(optimizer.norms()).rejects.toThrow('withClipping.norms: no step was taken yet.');
    const value = withClipping(tf.train.sgd(1), { value: 1 });
    step(value, gradients());
    await expect(value.norms()).rejects.toThrow(
      'withClipping.norms: nothing is measured without "globalNorm". Try globalNorm: Infinity, which measures and clips nothing.',
    );
    step(optimizer, gradients());
    optimizer.dispose();
    await expect(optimizer.norms()).rejects.toThrow('LrmClipping: this optimizer was disposed.');
  });

  test('norms are saved and told after loading', async () => {
    const make = () =>
      withClipping(tf.train.momentum(1, 0.5), { globalNorm: 2, nonFinite: 'skip' });
    const [trained, restored] = [make(), make()];
    const entries = gradients();
    step(trained, entries);
    step(trained, [[entries[0]![0], [Number.NaN, 0]]]);
    const before = await trained.norms();
    expect(before.skipped).toBe(1);
    await restored.setWeights(await trained.getWeights());
    expect(await restored.norms()).toEqual(before);
    step(restored, entries);
    expect(await restored.norms()).toEqual({ ...before, skipped: 1 });
    expect((await restored.getWeights()).map(({ name }) => name).slice(0, 5)).toEqual([
      'iter',
      'clipping/global',
      'clipping/excluded',
      'clipping/coefficient',
      'clipping/skipped',
    ]);
  });
});
