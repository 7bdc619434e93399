import type { Comparison } from './comparisons.ts';
import { type Counts, measure, nodeRunner, ratios } from './runner.ts';
import { type Summary, summarize } from './statistics.ts';

/** Milliseconds a step on both sides, and a over b round by round. */
export interface Result extends Counts {
  readonly comparison: Comparison;
  readonly a: Summary;
  readonly b: Summary;
  readonly ratio: Summary;
}

/** Runs two sides in two processes, in turn. */
export async function compare(comparison: Comparison, counts: Counts): Promise<Result> {
  const sides = [comparison.a, comparison.b];
  const [a, b] = (await measure(
    sides.map((side) => () => nodeRunner(side)),
    counts,
  )) as [number[], number[]];
  const ratio = summarize(ratios(a, b));
  return { comparison, ...counts, a: summarize(a), b: summarize(b), ratio };
}
