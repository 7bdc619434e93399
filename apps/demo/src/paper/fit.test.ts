import { expect, it } from 'vitest';
import { fitExponent, tQuantile } from './fit.ts';

it('finds the exponent of a power law exactly', () => {
  const points = [32, 64, 128].map((x) => [x, 3 * x ** -0.7] as const);
  const { value, low, high } = fitExponent(points);
  for (const each of [value, low, high]) expect(each).toBeCloseTo(-0.7, 9);
});

it('has the interval of scipy.stats.linregress', () => {
  // linregress(log([1, 2, 4, 8]), log([1, 3, 3, 10])): slope 0.996578, stderr 0.236122; t(2) = 4.3027.
  const { value, low, high } = fitExponent([
    [1, 1],
    [2, 3],
    [4, 3],
    [8, 10],
  ]);
  expect(value).toBeCloseTo(0.996578, 5);
  expect((high - low) / 2 / tQuantile(2)).toBeCloseTo(0.236122, 5);
});
