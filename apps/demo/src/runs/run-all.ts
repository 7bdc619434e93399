import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { localCluster } from '@tfjs-lrm/distributed/local';
import type { Progress, RunResult } from '@tfjs-lrm/language-model';
import { Failure, Mistake } from '@tfjs-lrm/shared';
import type { ChildMessage, Job, ParentMessage } from './child.ts';

export interface Listener {
  readonly progress: (run: number, progress: Progress) => void;
  readonly result: (run: number, result: RunResult) => void;
  /** Stops all runs: each reports its state at its next step and ends; those that wait never begin. */
  readonly stop: AbortSignal;
}

/**
 * Trains independent runs side by side, one a core, each in a process of its own with one thread for arithmetic, or in
 * several that share it. Null stands for a job that is done.
 *
 * @throws what the listener throws, or Mistake, Failure or Error with a run's message when it fails; the others are
 *   ended then
 */
export async function runAll(jobs: readonly (Job | null)[], listener: Listener): Promise<void> {
  const abort = new AbortController();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < jobs.length && !listener.stop.aborted) {
      const index = next++;
      const job = jobs[index];
      if (!job) continue;
      await runJob(job, abort.signal, listener.stop, (message) => {
        if ('progress' in message) listener.progress(index, message.progress);
        else if ('result' in message && message.result) listener.result(index, message.result);
      });
    }
  };
  const workers = Math.max(1, ...jobs.map((job) => job?.settings.workers ?? 1));
  const side = Math.max(1, Math.floor(availableParallelism() / workers));
  const lanes = Array.from({ length: Math.min(side, jobs.length) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    abort.abort();
    await Promise.allSettled(lanes);
    throw error;
  }
}

const KINDS = { mistake: Mistake, failure: Failure, defect: Error };

/** A run in one process, or in several that share it. When one fails the others are ended. */
async function runJob(
  job: Job,
  abort: AbortSignal,
  stop: AbortSignal,
  onMessage: (message: ChildMessage) => void,
): Promise<void> {
  const { workers = 1 } = job.settings;
  if (workers === 1) return runChild(job, {}, abort, stop, onMessage);
  const others = new AbortController();
  const either = AbortSignal.any([abort, others.signal]);
  const children = (await localCluster(workers)).map((config) =>
    runChild(job, { TF_CONFIG: config }, either, stop, onMessage),
  );
  try {
    await Promise.all(children);
  } catch (error) {
    others.abort();
    await Promise.allSettled(children);
    throw error;
  }
}

function runChild(
  job: Job,
  more: NodeJS.ProcessEnv,
  abort: AbortSignal,
  stop: AbortSignal,
  onMessage: (message: ChildMessage) => void,
): Promise<void> {
  const { name } = job.settings;
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      TF_NUM_INTRAOP_THREADS: '1',
      TF_NUM_INTEROP_THREADS: '1',
      TF_CPP_MIN_LOG_LEVEL: '2',
      ...more,
    };
    const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
      env,
      signal: abort,
      killSignal: 'SIGKILL',
      // Typed arrays stay typed arrays.
      serialization: 'advanced',
    });
    const tell = (message: ParentMessage): void => {
      child.send(message, () => {});
    };
    const onStop = (): void => tell({ stop: true });
    stop.addEventListener('abort', onStop);
    child.on('message', (message: ChildMessage) => {
      if ('error' in message) {
        const { error, kind, code } = message;
        const reported = new KINDS[kind](
          kind === 'mistake' ? error : `the run "${name}" failed: ${error}`,
        );
        reject(Object.assign(reported, { code }));
        child.disconnect();
        return;
      }
      try {
        onMessage(message);
      } catch (error) {
        reject(error);
        return;
      }
      if (!('result' in message)) return;
      resolve();
      child.disconnect();
    });
    child.on('error', (error) => reject(error));
    child.on('exit', (code, killedBy) => {
      stop.removeEventListener('abort', onStop);
      reject(
        new Error(
          `the run "${name}" failed: its process ended (${killedBy ?? `exit code ${code}`})`,
        ),
      );
    });
    tell({ job });
    if (stop.aborted) onStop();
  });
}
