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

/**
 * The median with the interval that has it with a probability of at least 95 %, whatever the distribution: the values
 * whose ranks are far enough apart that the median, above which each value lies with probability ½, is hardly outside.
 */
export function medianInterval(values: readonly number[]): Summary {
  const { median } = summarize(values);
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let [below, chance, tail] = [0, 0.5 ** count, 0.5 ** count];
  while (below + 1 < count / 2) {
    chance *= (count - below) / (below + 1);
    if (tail + chance > 0.025) break;
    tail += chance;
    below++;
  }
  return { median, min: sorted[below] as number, max: sorted[count - 1 - below] as number };
}
