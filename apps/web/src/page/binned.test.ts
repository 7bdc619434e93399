import { expect, it } from 'vitest';
import { binned } from './binned.ts';

it('every value is in the bin around it', () => {
  const values = [0.2, 0.2, 1, 2.6];
  const { middles, counts } = binned(values);
  const width = (middles[1] as number) - (middles[0] as number);
  for (const [i, count] of counts.entries()) {
    const near = values.filter(
      (value) => Math.abs(value - (middles[i] as number)) <= width / 2 + 1e-9,
    );
    expect(near.length).toBeGreaterThanOrEqual(count);
  }
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(values.length);
});

it('without values all bins are empty', () => {
  expect(new Set(binned([]).counts)).toEqual(new Set([0]));
});
