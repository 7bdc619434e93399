/** The ends of lines, of which one may be ahead of the other. */

/** A line over common places; null where it has no point. */
export type Points = (number | null)[];

export const lastOf = (line: Points): number | null =>
  line.findLast((value) => value !== null) ?? null;

/** One line over another at the last place where both have points; null where there is none. */
export function lastRatio(above: Points, below: Points): number | null {
  const both = above.findLastIndex((value, i) => value !== null && (below[i] ?? null) !== null);
  return both < 0 ? null : (above[both] as number) / (below[both] as number);
}
