import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ChildMessage } from './child.ts';
import type { RunSettings } from './presets.ts';
import type { Progress, RunResult } from './train.ts';

/**
 * Trains independent runs side by side, one a core, each in a process of its own with one thread for
 * arithmetic.
 *
 * @throws Error with a run's message when it fails; the others are ended then
 */
export async function runAll(
  runs: readonly RunSettings[],
  report: (run: number, progress: Progress) => void,
): Promise<RunResult[]> {
  const results: RunResult[] = [];
  const abort = new AbortController();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < runs.length) {
      const index = next++;
      const settings = runs[index] as RunSettings;
      results[index] = await runChild(settings, abort.signal, (progress) =>
        report(index, progress),
      );
    }
  };
  const lanes = Array.from({ length: Math.min(availableParallelism(), runs.length) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    abort.abort();
    throw error;
  }
  return results;
}

function runChild(
  settings: RunSettings,
  signal: AbortSignal,
  report: (progress: Progress) => void,
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      TF_NUM_INTRAOP_THREADS: '1',
      TF_NUM_INTEROP_THREADS: '1',
      TF_CPP_MIN_LOG_LEVEL: '2',
    };
    const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
      env,
      signal,
      // Numbers that JSON does not have, NaN and infinity, must arrive.
      serialization: 'advanced',
    });
    const fail = (reason: string): void =>
      reject(new Error(`the run "${settings.name}" failed: ${reason}`));
    child.on('message', (message: ChildMessage) => {
      if ('progress' in message) report(message.progress);
      else if ('result' in message) resolve(message.result);
      else fail(message.error);
    });
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code, killedBy) =>
      fail(`its process ended (${killedBy ?? `exit code ${code}`})`),
    );
    child.send(settings);
  });
}
