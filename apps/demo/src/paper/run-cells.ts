import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { Failure } from '@tfjs-lrm/shared';
import { type Cell, idOf, type Measured, type Outcome } from './experiment.ts';
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
        const name = `${cell.experiment}, ${cell.line}, S × ${cell.factor}, seed ${cell.seed}`;
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

/** Where a set of cells stands. */
export interface Standing {
  readonly done: number;
  readonly total: number;
  /** At the pace so far; null before the first cell. */
  readonly secondsLeft: number | null;
}

/**
 * Trains the cells that the store lacks, side by side, one process a core, and returns all outcomes in the order of
 * the cells.
 *
 * @throws Failure when a cell fails; those that are done are kept
 */
export async function runCells(
  cells: readonly Cell[],
  store: CellStore,
  report: (standing: Standing) => void,
): Promise<Outcome[]> {
  const missing = cells.filter((cell) => store.get(cell) === null);
  const total = cells.length;
  const began = performance.now();
  let [next, trained] = [0, 0];
  report({ done: total - missing.length, total, secondsLeft: null });
  const lane = async (): Promise<void> => {
    const worker = startWorker();
    try {
      for (let cell = missing[next++]; cell !== undefined; cell = missing[next++]) {
        store.put({ cell, measured: await worker.train(cell) });
        trained++;
        const perCell = (performance.now() - began) / 1000 / trained;
        const left = missing.length - trained;
        report({ done: total - left, total, secondsLeft: left * perCell });
      }
    } catch (error) {
      next = missing.length;
      throw error;
    } finally {
      worker.stop();
    }
  };
  const lanes = Array.from({ length: Math.min(availableParallelism(), missing.length) }, lane);
  const failed = (await Promise.allSettled(lanes)).find((each) => each.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return cells.map((cell) => store.get(cell) as Outcome);
}
