/** The log of a comparison for TensorBoard, beside metrics.ndjson: a folder a run. */
import { basename, join, resolve } from 'node:path';
import { isLinked } from '@tfjs-lrm/native/linked';
import { Mistake } from '@tfjs-lrm/shared';
import { useBackend } from '../training/use-backend.ts';
import type { RunFolder } from './checkpoint/run-folder.ts';

/** @throws Mistake where nothing here writes such files */
export function checkBoard(): void {
  if (isLinked()) return;
  throw new Mistake(
    '--tensorboard needs TensorFlow, which writes its files. Run npm run native:link, or read metrics.ndjson.',
  );
}

/** Where the logs of a comparison go: its own folder, named as that of its results, so that several can be compared. */
export const boardFolder = (folder: string, out: string): string =>
  join(resolve(folder), basename(resolve(out)));

/** Lets the runs of a folder log for TensorBoard too, where its settings say so. */
export async function attachBoard(folder: RunFolder): Promise<void> {
  const { tensorboard, runs } = folder.settings;
  if (tensorboard === undefined) return;
  checkBoard();
  await useBackend('tensorflow');
  const { toTensorBoard } = await import('@tfjs-lrm/diagnostics/node');
  for (const run of runs.keys())
    folder.attach(run, toTensorBoard(join(tensorboard, basename(folder.modelFolder(run)))));
}
