import { describe, expect, it } from 'vitest';
import { scaleFor } from './axis-scale.ts';

describe('scaleFor', () => {
  it('ends a logarithmic axis at round numbers around all values', () => {
    expect(scaleFor([34, 512], { log: true }).ticks).toEqual([20, 50, 100, 200, 500, 1000]);
    expect(scaleFor([1e-3, 700], { log: true }).ticks).toEqual([1e-3, 1e-2, 0.1, 1, 10, 100, 1000]);
    expect(scaleFor([5], { log: true }).ticks).toEqual([5, 10]);
  });

  it('keeps every value between 0 and 1', () => {
    for (const log of [false, true])
      for (const values of [[3, 47, 1e4], [0.02, 0.9], [7]]) {
        const { at } = scaleFor(values, { log });
        for (const value of values) {
          expect(at(value)).toBeGreaterThanOrEqual(0);
          expect(at(value)).toBeLessThanOrEqual(1);
        }
      }
  });

  it('leaves out what an axis cannot show', () => {
    expect(scaleFor([Number.NaN, 0, -1, 10, 1000], { log: true }).ticks).toEqual([
      10, 20, 50, 100, 200, 500, 1000,
    ]);
    expect(scaleFor([], {}).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  });

  it('takes the ticks that are given', () => {
    const { at, ticks } = scaleFor([64], { log: true, ticks: [64, 128, 256] });
    expect(ticks).toEqual([64, 128, 256]);
    expect([64, 128, 256].map(at)).toEqual([0, 0.5, 1]);
  });
});
