import { describe, expect, it } from 'vitest';
import { medianInterval, summarize } from './statistics.ts';

describe('summarize', () => {
  it('gives the middle, the smallest and the largest, in whatever order they come', () => {
    expect(summarize([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(summarize([4, 1, 9, 2])).toEqual({ median: 3, min: 1, max: 9 });
  });

  it('refuses an empty list', () => {
    expect(() => summarize([])).toThrow('at least one');
  });
});

describe('the interval of a median', () => {
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

  it('has the ranks of the binomial table for 95 %', () => {
    expect(medianInterval(upTo(6))).toEqual({ median: 3.5, min: 1, max: 6 });
    expect(medianInterval(upTo(10))).toEqual({ median: 5.5, min: 2, max: 9 });
    expect(medianInterval(upTo(25))).toEqual({ median: 13, min: 8, max: 18 });
    expect(medianInterval(upTo(100))).toEqual({ median: 50.5, min: 40, max: 61 });
  });

  it('does not move with a few wild values', () => {
    expect(medianInterval([...upTo(23), 1e9, 1e9]).max).toBe(18);
  });
});
