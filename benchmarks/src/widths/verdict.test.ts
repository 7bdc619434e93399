import { expect, test } from 'vitest';
import { indexOfLeast } from './lowest-rate.ts';
import type { Curve } from './sweep.ts';
import { evenWithBest, verdictOf } from './verdict.ts';

const curve = (...ofSeeds: readonly (readonly number[])[]): Curve => {
  const losses = ofSeeds[0]!.map(
    (_, i) => ofSeeds.reduce((sum, each) => sum + each[i]!, 0) / ofSeeds.length,
  );
  const best = indexOfLeast(losses);
  const rates = losses.map((_, i) => 2 ** i);
  return { parametrization: 'µP', width: 64, rates, losses, ofSeeds, best, lowest: Number.NaN };
};

test('a rate is even with the best if seeds disagree about the two by more than their means differ', () => {
  // Differences to the second rate: 3 ± 0, 0 and 1 ± 2 / √2, whose standard errors are 0 and √2 · 2 / √2 / √2 = 1.41.
  expect(evenWithBest(curve([4, 1, 1 - 1], [7, 4, 4 + 3]))).toEqual([1, 2]);
  expect(evenWithBest(curve([4, 1, 2], [7, 4, 5]))).toEqual([1]);
});

test('without a second seed, or where it diverged, no other rate is even with the best', () => {
  expect(evenWithBest(curve([4, 1, 1.0001]))).toEqual([1]);
  expect(evenWithBest(curve([4, 1, 1], [4, 1, Number.NaN]))).toEqual([1]);
});

test('the best rate stays where the least of the means is at one index, and moves otherwise', () => {
  const [low, high] = [curve([1, 2, 3], [1, 2, 3]), curve([3, 2, 1], [3, 2, 1])];
  expect(verdictOf([low, low])).toEqual({ places: [0], stays: true, even: [0] });
  expect(verdictOf([high, low])).toEqual({ places: [0, 2], stays: false, even: [] });
});

test('rates that are even at all widths do not make the best one stay', () => {
  const doubtful = curve([1, 0, 3], [1, 4, 3]);
  expect(doubtful.best).toBe(0);
  const other = curve([1.1, 1, 3], [1.1, 1, 3]);
  expect(evenWithBest(doubtful)).toEqual([0, 1]);
  expect(verdictOf([doubtful, other])).toEqual({ places: [0, 1], stays: false, even: [1] });
});
