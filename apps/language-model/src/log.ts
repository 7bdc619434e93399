/** The log of a comparison: a line of JSON for each step of each run. */

import type { StepRecord } from './training/losses.ts';
import type { RunSettings } from './training/settings.ts';

/** What a line holds. */
export type LogLine = StepRecord & { readonly run: string };

export const logLine = (line: LogLine): string => `${JSON.stringify(line)}\n`;

/** The records of each run, in the order of the runs. */
export function readLog(log: string, runs: readonly RunSettings[]): StepRecord[][] {
  const records = new Map(runs.map(({ name }) => [name, [] as StepRecord[]]));
  for (const line of log.split('\n').filter(Boolean)) {
    const { run, ...record } = JSON.parse(line) as LogLine;
    records.get(run)?.push(record);
  }
  return [...records.values()];
}
