import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { expect, it } from 'vitest';
import { pairedBootstrap } from './bootstrap.ts';
import { below } from './task.ts';

const lists = (
  tasks: number,
  seeds: number,
  examples: number,
  value: (...at: number[]) => number,
) =>
  Array.from({ length: tasks }, (_, t) =>
    Array.from({ length: seeds }, (__, s) =>
      Array.from({ length: examples }, (___, i) => value(t, s, i)),
    ),
  );

it('has no width where all differences of a task are alike', () => {
  const { tasks, all } = pairedBootstrap(
    lists(2, 3, 10, (t) => t + 1),
    0.95,
  );
  expect(tasks).toEqual([
    { value: 1, low: 1, high: 1 },
    { value: 2, low: 2, high: 2 },
  ]);
  expect(all).toEqual({ value: 1.5, low: 1.5, high: 1.5 });
});

it('is as wide as the standard error says: of examples, and of seeds', () => {
  const random = xoroshiro128plus(1);
  const examples = Array.from({ length: 400 }, () => below(2, random));
  const { all } = pairedBootstrap(
    lists(1, 1, 400, (_, __, i) => examples[i] as number),
    0.95,
  );
  const half = 1.96 * Math.sqrt(0.25 / 400);
  expect((all.high - all.low) / 2 / half).toBeGreaterThan(0.9);
  expect((all.high - all.low) / 2 / half).toBeLessThan(1.1);
  // Examples all alike: what is left is which seeds are drawn, and the farthest mean has all draws of one seed.
  const seeds = pairedBootstrap(
    lists(1, 3, 50, (_, s) => s),
    0.95,
  ).all;
  expect([seeds.value, seeds.low, seeds.high]).toEqual([1, 0, 2]);
});

it('draws seeds for all tasks alike, so that tasks do not average them away', () => {
  const { all } = pairedBootstrap(
    lists(7, 3, 50, (_, s) => s - 1),
    0.95,
  );
  expect([all.low, all.high]).toEqual([-1, 1]);
});
