import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { Failure } from '@tfjs-lrm/shared';
import { type Cell, describe, idOf, type Measured, type Outcome } from './experiment.ts';
import type { Reply } from './worker.ts';

/** The cells that are done, as files in a folder: written whole or not at all, named by everything that determines them. */
export class CellStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  #file = (cell: Cell): string => join(this.#folder, `${idOf(cell)}.json`);

  get(cell: Cell): Outcome | null {
    const file = this.#file(cell);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Outcome) : null;
  }

  put(outcome: Outcome): void {
    writeDurably(this.#file(outcome.cell), [Buffer.from(`${JSON.stringify(outcome)}\n`)]);
  }
}

/** One worker process, which trains one cell at a time. */
function startWorker(): { train: (cell: Cell) => Promise<Measured>; stop: () => void } {
  const child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), {
    env: {
      ...process.env,
      // One thread a process: as many processes as cores, and results that repeat bit for bit.
      TF_NUM_INTRAOP_THREADS: '1',
      TF_NUM_INTEROP_THREADS: '1',
      TF_CPP_MIN_LOG_LEVEL: '2',
    },
  });
  return {
    stop: () => void child.kill('SIGKILL'),
    train: (cell) =>
      new Promise((resolve, reject) => {
        const name = describe(cell);
        const onExit = (code: number | null): void =>
          reject(new Failure(`${name}: its process ended with exit code ${code}`));
        child.once('exit', onExit);
        child.once('message', (reply: Reply) => {
          child.off('exit', onExit);
          if ('error' in reply) reject(new Failure(`${name}: ${reply.error}`));
          else resolve(reply.measured);
        });
        child.send(cell);
      }),
  };
}

/** A cell to train, and how. */
export interface Job {
  readonly cell: Cell;
  /** About how long it takes on an idle core. */
  readonly seconds: number;
  /** It waits until all others are done, and no other is trained beside it. */
  readonly isAlone: boolean;
}

/** Where a set of cells stands. */
export interface Standing {
  readonly done: number;
  readonly total: number;
  /** At the pace so far; null before the first cell. */
  readonly secondsLeft: number | null;
  /** The cell that was just trained; null before the first one. */
  readonly last: Cell | null;
}

/**
 * Trains the cells that the store lacks, side by side, one process a core, each of them once.
 *
 * @throws Failure when a cell fails; those that are done are kept
 */
export async function runCells(
  jobs: readonly Job[],
  store: CellStore,
  report: (standing: Standing) => void,
): Promise<void> {
  const distinct = [...new Map(jobs.map((job) => [idOf(job.cell), job])).values()];
  const missing = distinct.filter(({ cell }) => store.get(cell) === null);
  const total = distinct.length;
  const secondsOf = (some: readonly Job[]): number =>
    some.reduce((sum, { seconds }) => sum + seconds, 0);
  const began = performance.now();
  let done = total - missing.length;
  let [left, trained] = [secondsOf(missing), 0];
  report({ done, total, secondsLeft: null, last: null });
  const trainAll = async (waiting: readonly Job[], lanes: number): Promise<void> => {
    let next = 0;
    const lane = async (): Promise<void> => {
      const worker = startWorker();
      try {
        for (let job = waiting[next++]; job !== undefined; job = waiting[next++]) {
          const { cell, seconds } = job;
          store.put({ cell, measured: await worker.train(cell) });
          done++;
          trained += seconds;
          left -= seconds;
          const pace = (performance.now() - began) / 1000 / trained;
          report({ done, total, secondsLeft: left * pace, last: cell });
        }
      } catch (error) {
        next = waiting.length;
        throw error;
      } finally {
        worker.stop();
      }
    };
    const running = Array.from({ length: Math.min(lanes, waiting.length) }, lane);
    const failed = (await Promise.allSettled(running)).find((each) => each.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  const alone = missing.filter(({ isAlone }) => isAlone);
  await trainAll(
    missing.filter(({ isAlone }) => !isAlone),
    availableParallelism(),
  );
  await trainAll(alone, 1);
}
