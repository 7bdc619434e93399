/** Median and spread of repeated measurements. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The median (mean of the middle two for an even count), smallest and largest of at least one value. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('summarize: give at least one value.');
  const sorted = [...values].sort((a, b) => a - b);
  const ranked = (i: number): number => sorted[i] as number;
  const half = sorted.length / 2;
  const median = Number.isInteger(half)
    ? (ranked(half - 1) + ranked(half)) / 2
    : ranked(Math.floor(half));
  return { median, min: ranked(0), max: ranked(sorted.length - 1) };
}
