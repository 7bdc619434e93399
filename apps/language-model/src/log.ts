/** The log of a comparison: a line of JSON for each step of each run, under the names of the field. */
import { type Logger, toNdjson } from '@tfjs-lrm/diagnostics';
import type { StepRecord } from './training/losses.ts';
import type { Scale } from './training/matrix-scales.ts';
import type { RunSettings } from './training/settings.ts';

const SCALE = 'scale/';
/** With multipliers: of r · W · c. */
const EFFECTIVE = 'effective_scale/';

/**
 * Logs a step: `train/loss`, `learning_rate`, `validation/loss`, and for each matrix `scale/<name>`, and
 * `effective_scale/<name>` where multipliers make it another. As elsewhere, a step is the number of steps so far.
 */
export function logStep(
  logger: Logger,
  { step, loss, learningRate, validationLoss, scales = {} }: StepRecord,
): void {
  const named = Object.entries(scales).flatMap(([name, { stored, effective }]) => [
    [`${SCALE}${name}`, stored] as const,
    ...(effective === stored ? [] : [[`${EFFECTIVE}${name}`, effective] as const]),
  ]);
  logger.log(step + 1, {
    'train/loss': loss,
    learning_rate: learningRate,
    ...(validationLoss !== undefined && { 'validation/loss': validationLoss }),
    ...Object.fromEntries(named),
  });
}

/** The steps of a run as lines of NDJSON. They hold no time: an interrupted run keeps the same log. */
export function logLines(run: string, records: readonly StepRecord[]): string {
  const lines: string[] = [];
  const logger = toNdjson((line) => lines.push(line), { fields: () => ({ run }) });
  for (const record of records) logStep(logger, record);
  return lines.join('');
}

type Line = Readonly<Record<string, number>> & { readonly run: string };
/** A line of an earlier version. */
type FormerLine = StepRecord & { readonly run: string };

function recordOf(line: Line): StepRecord {
  const scales: Record<string, Scale> = {};
  for (const [key, stored] of Object.entries(line)) {
    if (!key.startsWith(SCALE)) continue;
    const name = key.slice(SCALE.length);
    scales[name] = {
      stored: stored as number,
      effective: line[EFFECTIVE + name] ?? (stored as number),
    };
  }
  const validationLoss = line['validation/loss'];
  return {
    step: (line['step'] as number) - 1,
    loss: line['train/loss'] as number,
    learningRate: line['learning_rate'] as number,
    ...(Object.keys(scales).length > 0 && { scales }),
    ...(validationLoss !== undefined && { validationLoss }),
  };
}

/** The records of each run, in the order of the runs. */
export function readLog(log: string, runs: readonly RunSettings[]): StepRecord[][] {
  const records = new Map(runs.map(({ name }) => [name, [] as StepRecord[]]));
  for (const text of log.split('\n').filter(Boolean)) {
    const line = JSON.parse(text) as Line | FormerLine;
    if (!('loss' in line)) {
      records.get(line.run)?.push(recordOf(line as Line));
      continue;
    }
    const { run, ...record } = line as FormerLine;
    records.get(run)?.push(record);
  }
  return [...records.values()];
}
