import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LoggedRun, readLog, type Settings } from '@tfjs-lrm/language-model';
import { Mistake } from '@tfjs-lrm/shared';

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
    const records = readLog(read('metrics.ndjson'), runs);
    return runs.map((settings, i) => ({ settings, records: records[i] ?? [] }));
  } catch (error) {
    throw new Mistake(
      `${folder} holds no runs of this demo: ${(error as Error).message}. Give the folder that a run named.`,
    );
  }
}
