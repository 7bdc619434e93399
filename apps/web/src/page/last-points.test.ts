import { describe, expect, it } from 'vitest';
import { lastOf, lastRatio } from './last-points.ts';

describe('the end of a line', () => {
  it('is its last point', () => {
    expect(lastOf([1, 2, null])).toBe(2);
    expect(lastOf([null])).toBeNull();
  });
});

describe('the ratio of two lines', () => {
  it('is taken where both have points, though one is ahead of the other', () => {
    // Both halve with every step; the first has taken fewer.
    expect(lastRatio([9, 4.5, null, null], [8, 4, 2, 1])).toBe(1.125);
    expect(lastRatio([8, 4, 2], [null, 8, null])).toBe(0.5);
  });

  it('is there only after a common step', () => {
    expect(lastRatio([1, null], [null, 1])).toBeNull();
    expect(lastRatio([], [])).toBeNull();
  });
});
