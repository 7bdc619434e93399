import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mistake } from '@tfjs-lrm/shared';
import type { StepRecord } from '../../training/losses.ts';
import type { RunSettings } from '../../training/settings.ts';
import type { Settings } from './format.ts';
import type { LogLine } from './run-folder.ts';

/** A run as its log describes it. */
export interface LoggedRun {
  readonly settings: RunSettings;
  readonly records: readonly StepRecord[];
}

/** The validation loss at the end of a run; undefined where it is not finished. */
export const finalLoss = ({ settings, records }: LoggedRun): number | undefined =>
  records.find(({ step }) => step === settings.preset.steps - 1)?.validationLoss;

/**
 * The runs of a folder, read from its settings and its log alone.
 *
 * @throws Mistake where there are none, or one is not finished
 */
export function readFinished(folder: string): LoggedRun[] {
  const runs = readLogged(folder);
  const open = runs.find((run) => finalLoss(run) === undefined);
  if (open !== undefined)
    throw new Mistake(
      `the run "${open.settings.name}" in ${folder} is not finished. Go on with --resume ${folder}.`,
    );
  return runs;
}

function readLogged(folder: string): LoggedRun[] {
  try {
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    const { runs } = JSON.parse(read('settings.json')) as Settings;
    const lines = read('metrics.ndjson')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as LogLine);
    return runs.map((settings) => ({
      settings,
      records: lines.filter(({ run }) => run === settings.name),
    }));
  } catch (error) {
    throw new Mistake(
      `${folder} holds no runs of this demo: ${(error as Error).message}. Give the folder that a run named.`,
    );
  }
}
