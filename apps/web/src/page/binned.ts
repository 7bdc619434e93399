const BINS = 48;

/** How many values each of equal bins holds, between the extremes or 0.5 to 1.5 where those are closer. */
export function binned(values: readonly number[]): { middles: number[]; counts: number[] } {
  const sorted = [...values].sort((a, b) => a - b);
  const low = Math.min(0.5, sorted[0] ?? 1);
  const high = Math.max(1.5, sorted.at(-1) ?? 1);
  const width = (high - low) / BINS;
  const counts = new Array<number>(BINS).fill(0);
  for (const value of sorted) {
    const bin = Math.min(BINS - 1, Math.floor((value - low) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return { middles: counts.map((_, i) => low + (i + 0.5) * width), counts };
}
