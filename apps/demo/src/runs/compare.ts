import { join } from 'node:path';
import { writeDurably } from '@tfjs-lrm/checkpoint/node';
import { type FinishedRun, trainingReport, verdict } from '@tfjs-lrm/language-model';
import { Failure, Mistake } from '@tfjs-lrm/shared';
import type { RunFolder } from './checkpoint/run-folder.ts';
import { runAll } from './run-all.ts';
import { attachBoard } from './tensor-board.ts';
import { diagnoses } from './terminal/diagnoses.ts';
import { introduction } from './terminal/introduction.ts';
import { quoted } from './terminal/printable.ts';
import { duration, Status } from './terminal/status.ts';
import { resultsJson, scaleTable, table } from './terminal/summary.ts';

const CODES: Readonly<Record<string, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
  SIGPIPE: 141,
};

/**
 * Trains the runs of a folder from wherever they stopped, and prints their progress and results.
 *
 * @returns the exit code
 * @throws Failure when training breaks down, Mistake when the disk has no room
 */
export async function compare(
  folder: RunFolder,
  { json, isResumed }: { json: boolean; isResumed: boolean },
): Promise<number> {
  const output = json ? process.stderr : process.stdout;
  const say = (text: string): void => {
    output.write(`${text}\n`);
  };
  // Before anything is printed: who reads it may press Ctrl-C.
  const stop = stopping(output);
  try {
    say(introduction(folder, isResumed));
    await attachBoard(folder);
    await runToTheEnd(folder, stop.signal, new Status(folder, output));
    folder.close();
  } catch (error) {
    throw explained(error, folder);
  } finally {
    stop.forget();
  }
  if (stop.signal.aborted) {
    process.stderr.write(
      `Stopped. A checkpoint holds every step so far; go on with\n  npm run demo -- --resume ${folder.path}\n`,
    );
    return CODES[stop.signal.reason as string] ?? 1;
  }
  const finished: FinishedRun[] = folder.settings.runs.map((settings, i) => ({
    settings,
    result: folder.runs[i]?.result as FinishedRun['result'],
    records: folder.records[i] ?? [],
  }));
  const { tensorboard } = folder.settings;
  const report = join(folder.path, 'report.html');
  writeDurably(report, [Buffer.from(trainingReport(folder.settings, finished))]);
  say(`\n${table(finished)}\n\n${scaleTable(finished)}\n\n${verdict(finished)}\n`);
  for (const text of await diagnoses(finished)) say(`${text}\n`);
  for (const { settings, result } of finished)
    say(`${settings.name} writes:\n  ${quoted(result.sample).replaceAll('\n', '\n  ')}\n`);
  const off = Math.max(...finished.map(({ result }) => result.foldedDifference));
  say(
    `${duration(folder.seconds)}. Report: ${report}\nModels without multipliers (largest difference of an output: ${off.toPrecision(2)}): ${join(folder.path, 'models')}\nEvery step: ${folder.metricsFile}${tensorboard === undefined ? '' : `, and for TensorBoard: ${tensorboard}`}`,
  );
  if (json)
    process.stdout.write(`${JSON.stringify(resultsJson(folder.path, finished), null, 2)}\n`);
  return 0;
}

async function runToTheEnd(folder: RunFolder, stop: AbortSignal, status: Status): Promise<void> {
  const { settings } = folder;
  const jobs = settings.runs.map((run, i) =>
    folder.runs[i]?.result
      ? null
      : {
          settings: run,
          text: settings.text,
          from: folder.runs[i]?.state ?? null,
          checkpointEvery: settings.checkpointEvery,
          modelFolder: folder.modelFolder(i),
        },
  );
  await runAll(jobs, {
    stop,
    progress: (run, progress) => {
      folder.add(run, progress.records, progress.state);
      status.update(run, progress);
    },
    result: (run, result) => folder.finish(run, result),
  });
}

/** Aborts at the first Ctrl-C or the like, with the signal's name; the second one ends at once. */
function stopping(output: NodeJS.WriteStream): { signal: AbortSignal; forget: () => void } {
  const controller = new AbortController();
  const { signal } = controller;
  const onSignal = (name: string): void => {
    if (signal.aborted) process.exit(CODES[name]);
    process.stderr.write('\nStopping at the next step; a second time ends at once.\n');
    controller.abort(name);
  };
  const onBroken = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE' && !signal.aborted) controller.abort('SIGPIPE');
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  output.on('error', onBroken);
  return {
    signal,
    forget: () => {
      for (const name of names) process.off(name, onSignal);
      output.off('error', onBroken);
    },
  };
}

const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** The error of a comparison, with what to do about it. */
function explained(error: unknown, folder: RunFolder): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (FULL.includes(code ?? ''))
    return new Mistake(
      `the disk has no room for more (${code}): training stopped, and the last checkpoint is kept. Free some space, then go on with --resume ${folder.path}.`,
    );
  try {
    folder.close();
  } catch {
    // The first failure is the one to report.
  }
  if (!(error instanceof Failure)) return error;
  const steps = folder.runs.map(({ state }) => state?.step ?? 0);
  return new Failure(
    `${message}. Try a new run with a lower --learning-rate, a longer --warmup or a smaller --clip. The last good checkpoint, of steps ${steps.join(', ')}, is kept in ${folder.path}/checkpoints.`,
  );
}
