import { expect, test } from 'vitest';
import { indexOfLeast, lowestRate } from './lowest-rate.ts';

const rates = [-9, -8.5, -8, -7.5, -7, -6.5, -6].map((power) => 2 ** power);
const curve = (lowest: number): number[] =>
  rates.map((rate) => 0.3 * 2 ** (0.7 * (Math.log2(rate) - lowest) ** 2));

test('of a parabola in logarithms, the lowest rate is exact wherever it lies between the points', () => {
  for (const lowest of [-8, -7.9, -7.75, -7.6, -7.3])
    expect(Math.log2(lowestRate(rates, curve(lowest)))).toBeCloseTo(lowest, 10);
});

test('it is the point of least squares: noise that is no parabola does not move it', () => {
  // Orthogonal to 1, x and x² at five points.
  const cubic = [0, -1, 2, 0, -2, 1, 0];
  const noisy = curve(-7.5).map((loss, i) => loss * 2 ** (0.01 * (cubic[i] as number)));
  expect(Math.log2(lowestRate(rates, noisy))).toBeCloseTo(-7.5, 10);
});

test('runs that diverged do not count, and a least at the edge has no lowest point', () => {
  const diverged = curve(-7.5).map((loss, i) => (i > 4 ? Number.NaN : loss));
  expect(indexOfLeast([Number.NaN, ...diverged])).toBe(4);
  expect(Math.log2(lowestRate(rates, diverged))).toBeCloseTo(-7.5, 10);
  expect(lowestRate(rates, curve(-5))).toBeNaN();
  expect(lowestRate(rates, curve(-10))).toBeNaN();
});
