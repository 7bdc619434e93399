import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Reply, Request } from './child.ts';
import type { Comparison, Side } from './comparisons.ts';
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

async function ask(child: ChildProcess, request: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const settle = (reply: Reply): void => {
      child.off('exit', ended);
      if ('error' in reply) reject(new Error(reply.error));
      else resolve(reply);
    };
    const ended = (code: number | null): void =>
      reject(new Error(`a benchmark process ended with exit code ${code}`));
    child.once('message', settle);
    child.once('exit', ended);
    child.send(request);
  });
}

/**
 * Runs two sides in two processes, in turn: a round of one, a round of the other, each while the other
 * sleeps, so that both meet the same weather on the machine. Which side begins changes every round.
 */
export async function compare(
  comparison: Comparison,
  { rounds, stepsPerRound }: { rounds: number; stepsPerRound: number },
): Promise<Result> {
  const path = fileURLToPath(new URL('./child.js', import.meta.url));
  const children = [fork(path), fork(path)] as const;
  try {
    const sides: readonly Side[] = [comparison.a, comparison.b];
    for (const i of [0, 1] as const) await ask(children[i], { prepare: sides[i] as Side });
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      for (const i of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const reply = await ask(children[i], { round: stepsPerRound });
        times[i].push('msPerStep' in reply ? reply.msPerStep : Number.NaN);
      }
    }
    const ratios = times[0].map((a, round) => a / (times[1][round] as number));
    return {
      comparison,
      rounds,
      stepsPerRound,
      a: summarize(times[0]),
      b: summarize(times[1]),
      ratio: summarize(ratios),
    };
  } finally {
    for (const child of children) child.kill();
  }
}
