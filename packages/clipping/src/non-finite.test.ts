import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { byRole } from '@tfjs-lrm/core';
import { withSchedule } from '@tfjs-lrm/schedule';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Probe, reaching } from '../../../test/optimizers.ts';
import { hostReads, step, values, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

type Options = Parameters<typeof withClipping>[1];

const zeros = (size: number, name = 'w'): tf.Variable =>
  variable(new Array(size).fill(0), [size], name);

const BAD: [string, number][] = [
  ['NaN', Number.NaN],
  ['infinity', Infinity],
  ['minus infinity', -Infinity],
];

eachBackend(() => {
  test("propagate, the default: a NaN norm poisons what it scales, as PyTorch's does", () => {
    const reach = (options: Options, bad: number): (number[] | null)[] =>
      reaching(
        (inner) => withClipping(inner, options),
        [
          [zeros(2), [bad, 1]],
          [zeros(1), [2]],
          [zeros(1, 'row_multiplier'), [3]],
        ],
      );
    expect(reach({ globalNorm: 1 }, Number.NaN)).toEqual([
      [Number.NaN, Number.NaN],
      [Number.NaN],
      [3],
    ]);
    // An infinite norm has the coefficient 0, and 0 times infinity is NaN.
    expect(reach({ globalNorm: 1 }, Infinity)).toEqual([[Number.NaN, 0], [0], [3]]);
    expect(reach({ globalNorm: 1, nonFinite: 'propagate' }, Infinity)).toEqual(
      reach({ globalNorm: 1 }, Infinity),
    );
    expect(reach({ perVariableNorm: 5 }, Number.NaN)).toEqual([[Number.NaN, Number.NaN], [2], [3]]);
    expect(reach({ value: 5 }, Number.NaN)).toEqual([[Number.NaN, 1], [2], [3]]);
    expect(reach({ value: 5 }, -Infinity)).toEqual([[-5, 1], [2], [3]]);
    expect(reach({ adaptive: 1e9 }, Number.NaN)).toEqual([[Number.NaN, Number.NaN], [2], [3]]);
  });

  test.each(BAD)('zero: elements that are %s become 0, before any norm is taken', (_, bad) => {
    const got = reaching(
      (inner) => withClipping(inner, { globalNorm: 5, nonFinite: 'zero' }),
      [
        [zeros(3), [bad, 6, 0]],
        [zeros(1), [8]],
        [zeros(2, 'row_multiplier'), [bad, 3]],
      ],
    );
    expect(got[0]![0]).toBe(0);
    expect(got[0]![1]).toBeCloseTo(3, 5);
    expect(got[1]![0]).toBeCloseTo(4, 5);
    expect(got[2]).toEqual([0, 3]);
    const [alone] = reaching(
      (inner) => withClipping(inner, { nonFinite: 'zero' }),
      [[zeros(2), [bad, 6]]],
    );
    expect(alone).toEqual([0, 6]);
  });

  test.each(BAD)(
    'skip: a step with %s touches no variable and no state, and counts',
    async (_, bad) => {
      const factors: number[] = [];
      const probe = new Probe(1);
      const optimizer = withSchedule(
        withClipping(byRole({ matrix: tf.train.adam(1), multiplier: adam(), default: probe }), {
          globalNorm: Infinity,
          nonFinite: 'skip',
        }),
        (at) => {
          factors.push(at);
          return 0.5 ** at;
        },
      );
      const [a, b, c] = [zeros(1), variable([0], [1, 1]), zeros(1, 'row_multiplier')];
      const take = (value: number): void =>
        step(optimizer, [
          [a, [1]],
          [b, [1]],
          // In an excluded gradient too.
          [c, [value]],
        ]);
      const state = async (): Promise<unknown> =>
        (await optimizer.getWeights())
          .filter(({ name }) => !/iter$|skipped$/.test(name))
          .map(({ name, tensor }) => [name, values(tensor)]);
      take(1);
      const before = [await state(), values(a), values(b), values(c)];
      take(bad);
      take(bad);
      expect([await state(), values(a), values(b), values(c)]).toEqual(before);
      expect([optimizer.iterations, optimizer.inner.iterations, probe.iterations]).toEqual([
        3, 3, 3,
      ]);
      expect(Math.max(...factors)).toBe(2);
      const { skipped, coefficient } = await (
        optimizer.inner as ReturnType<typeof withClipping>
      ).norms();
      expect([skipped, coefficient]).toEqual([2, 1]);
      take(1);
      // Momentum 1.5 at the rate of step 3.
      expect(values(a)[0]).toBeCloseTo(-1 - 1.5 / 8, 6);
    },
  );

  test.each(BAD)('throw: a step with %s is an error that names the variables', (_, bad) => {
    const [good, nan, other] = [zeros(1), zeros(2), zeros(1, 'row_multiplier')];
    const optimizer = withClipping(tf.train.sgd(1), { globalNorm: 1, nonFinite: 'throw' });
    const take = (value: number): void =>
      step(optimizer, [
        [good, [1]],
        [nan, [0, value]],
        [other, [value]],
      ]);
    expect(() => take(bad)).toThrow(
      `withClipping: the gradient of ${nan.name}, ${other.name} is not finite. Nothing was updated.`,
    );
    expect([good, nan, other].flatMap(values)).toEqual([0, 0, 0, 0]);
    expect(() => take(0)).not.toThrow();
    expect(values(good)[0]).toBeCloseTo(-1, 5);
  });

  test('an error inside a step leaves no tensor behind', () => {
    const target = zeros(1);
    const optimizer = withClipping(tf.train.sgd(1), { nonFinite: 'throw' });
    const before = tf.memory().numTensors;
    expect(() => step(optimizer, [[target, [Number.NaN]]])).toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('only skip and throw wait for the device, once a step', () => {
    const targets = [zeros(2), zeros(3), zeros(1, 'row_multiplier')];
    const waits = (options: Options): number => {
      const optimizer = withClipping(adam(), options);
      const take = (): void =>
        tf.tidy(() => {
          optimizer.applyGradients(
            targets.map((v) => ({ name: v.name, tensor: tf.ones(v.shape) })),
          );
        });
      take();
      return hostReads(take);
    };
    expect(waits({ globalNorm: 1 })).toBe(0);
    expect(
      waits({ globalNorm: 1, value: 1, perVariableNorm: 1, adaptive: 1, excluded: 'own-norm' }),
    ).toBe(0);
    expect(waits({ globalNorm: 1, nonFinite: 'propagate' })).toBe(0);
    expect(waits({ globalNorm: 1, nonFinite: 'zero' })).toBe(0);
    expect(waits({ globalNorm: 1, nonFinite: 'skip' })).toBe(1);
    expect(waits({ globalNorm: 1, nonFinite: 'throw' })).toBe(1);
  });

  test('whoever records steps is told which answers to non-finite gradients cannot be', () => {
    const obstacle = (options: Options) => withClipping(tf.train.sgd(1), options).obstacle;
    for (const nonFinite of ['skip', 'throw'] as const) {
      expect(obstacle({ nonFinite })).toMatch(
        `withClipping with nonFinite: '${nonFinite}' reads a value in every step`,
      );
    }
    for (const nonFinite of ['zero', 'propagate'] as const) {
      expect(obstacle({ globalNorm: 1, nonFinite })).toBeNull();
    }
  });
});
