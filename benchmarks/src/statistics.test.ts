import { describe, expect, it } from 'vitest';
import { summarize } from './statistics.ts';

describe('summarize', () => {
  it('gives the middle, the smallest and the largest, in whatever order they come', () => {
    expect(summarize([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(summarize([4, 1, 9, 2])).toEqual({ median: 3, min: 1, max: 9 });
  });

  it('refuses an empty list', () => {
    expect(() => summarize([])).toThrow('at least one');
  });
});
