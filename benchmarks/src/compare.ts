import type { Comparison } from './comparisons.ts';
import { inTurn, nodeRunner, type Runner } from './runner.ts';
import { type Summary, summarize } from './statistics.ts';

/** Milliseconds a step on both sides, and a over b round by round. */
export interface Result {
  readonly comparison: Comparison;
  readonly rounds: number;
  readonly stepsPerRound: number;
  readonly a: Summary;
  readonly b: Summary;
  readonly ratio: Summary;
}

/** Runs two sides in two processes, in turn. */
export async function compare(
  comparison: Comparison,
  sizes: { rounds: number; stepsPerRound: number },
): Promise<Result> {
  const runners: Runner[] = [];
  try {
    for (const side of [comparison.a, comparison.b]) runners.push(await nodeRunner(side));
    const [a, b] = (await inTurn(runners, sizes)) as [number[], number[]];
    const ratios = a.map((time, round) => time / (b[round] as number));
    return { comparison, ...sizes, a: summarize(a), b: summarize(b), ratio: summarize(ratios) };
  } finally {
    for (const runner of runners) runner.stop();
  }
}
