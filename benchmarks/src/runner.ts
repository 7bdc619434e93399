/** Processes that measure on request and sleep otherwise. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Reply, Request, Work } from './child.ts';
import type { Side } from './comparisons.ts';

/** How often each runner is measured. */
export interface Counts {
  readonly rounds: number;
  readonly stepsPerRound: number;
}

export interface Runner {
  /** Milliseconds per step, over so many steps. */
  round(steps: number): Promise<number>;
  /** What one step runs; only in Node. */
  count(): Promise<Work>;
  stop(): void;
}

type Answer = Reply | { readonly ready: string };

/** Sends a request and waits for its answer. */
function ask(
  child: ChildProcess,
  send: () => void,
  listen: (settle: (answer: Answer) => void) => () => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`a benchmark process ended with exit code ${code}`));
    const stop = listen((answer) => {
      child.off('exit', ended);
      stop();
      if ('error' in answer) reject(new Error(answer.error));
      else resolve(answer);
    });
    child.once('exit', ended);
    send();
  });
}

function runner(child: ChildProcess, request: (message: object) => Promise<Answer>): Runner {
  return {
    async round(steps) {
      const answer = await request({ round: steps });
      return 'msPerStep' in answer ? answer.msPerStep : Number.NaN;
    },
    async count() {
      const answer = await request({ count: 'kernels' });
      return 'kernels' in answer ? answer : { kernels: {}, bytes: Number.NaN };
    },
    stop: () => void child.kill(),
  };
}

/** A side in a process of Node. */
export async function nodeRunner(side: Side): Promise<Runner> {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
    env: { ...process.env, ...side.environment },
  });
  const request = (message: object): Promise<Answer> =>
    ask(
      child,
      () => child.send(message as Request),
      (settle) => {
        child.on('message', settle);
        return () => child.off('message', settle);
      },
    );
  return prepared(runner(child, request), request, side);
}

/** A script of the folder `python` in a process of Python. */
export async function pythonRunner(
  python: string,
  script: string,
  settings: object,
  environment: Readonly<Record<string, string>> = {},
): Promise<Runner> {
  const path = fileURLToPath(new URL(`../python/${script}`, import.meta.url));
  const child = spawn(python, [path], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...environment },
  });
  const lines = createInterface(child.stdout);
  const request = (message: object): Promise<Answer> =>
    ask(
      child,
      () => child.stdin.write(`${JSON.stringify(message)}\n`),
      (settle) => {
        const parse = (line: string): void => settle(JSON.parse(line) as Answer);
        lines.on('line', parse);
        return () => lines.off('line', parse);
      },
    );
  return prepared(runner(child, request), request, settings);
}

async function prepared(
  runner: Runner,
  request: (message: object) => Promise<Answer>,
  prepare: object,
): Promise<Runner> {
  try {
    await request({ prepare });
    return runner;
  } catch (error) {
    runner.stop();
    throw error;
  }
}

/**
 * Milliseconds a step, runner by runner and round by round. They take turns, each while the others sleep, so that
 * all see the same load; each round begins with another one.
 */
export async function inTurn(
  turns: readonly { readonly runner: Runner; readonly steps: number }[],
  rounds: number,
): Promise<number[][]> {
  const times = turns.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < turns.length; turn++) {
      const index = (round + turn) % turns.length;
      const { runner, steps } = turns[index] as (typeof turns)[number];
      times[index]?.push(await runner.round(steps));
    }
  }
  return times;
}

/** Starts runners one after the other, uses them, and stops them all. */
export async function withRunners<T>(
  starts: readonly (() => Promise<Runner>)[],
  use: (runners: readonly Runner[]) => Promise<T>,
): Promise<T> {
  const runners: Runner[] = [];
  try {
    for (const start of starts) runners.push(await start());
    return await use(runners);
  } finally {
    for (const runner of runners) runner.stop();
  }
}

/** Starts runners, one after the other, measures them in turn, and stops them. */
export function measure(
  starts: readonly (() => Promise<Runner>)[],
  counts: Counts,
): Promise<number[][]> {
  return withRunners(starts, (runners) => {
    const turns = runners.map((runner) => ({ runner, steps: counts.stepsPerRound }));
    return inTurn(turns, counts.rounds);
  });
}

/** The ratio of two runners' times, round by round. */
export const ratios = (times: readonly number[], base: readonly number[]): number[] =>
  times.map((time, round) => time / (base[round] as number));
