import type { RunSettings } from './presets.ts';
import type { RunResult, StepRecord } from './train.ts';

export interface FinishedRun {
  readonly settings: RunSettings;
  readonly result: RunResult;
  readonly records: readonly StepRecord[];
}

const LEVELS = '▁▂▃▄▅▆▇█';

/** Validation losses over time as one line of blocks, all runs on one scale. */
export function sparkline(values: readonly number[], low: number, high: number): string {
  return values
    .map((value) => {
      const at = high > low ? (value - low) / (high - low) : 0;
      return LEVELS[Math.min(LEVELS.length - 1, Math.max(0, Math.round(at * (LEVELS.length - 1))))];
    })
    .join('');
}

/** Rows of cells as aligned columns, the first one to the left, the others to the right. */
export const columns = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[c] ?? 0) : cell.padStart(widths[c] ?? 0)))
        .join('  '),
    )
    .join('\n');
};

/** The table of results, with the course of each validation loss. */
export function table(runs: readonly FinishedRun[]): string {
  const curves = runs.map(({ records }) =>
    records.flatMap(({ validationLoss }) => validationLoss ?? []),
  );
  const all = curves.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return columns([
    ['run', 'validation loss', 'perplexity', 'parameters', 'ms/step', 'course'],
    ...runs.map(({ settings, result }, i) => [
      settings.name,
      result.validationLoss.toFixed(3),
      Math.exp(result.validationLoss).toFixed(2),
      result.parameters.toLocaleString('en'),
      result.msPerStep.toFixed(0),
      sparkline(curves[i] ?? [], low, high),
    ]),
  ]);
}

/** What the multipliers changed, in words, for each decay. */
export function verdict(runs: readonly FinishedRun[]): string {
  const decays = [...new Set(runs.map(({ settings }) => settings.decay))];
  return decays
    .flatMap((decay) => {
      const loss = (multipliers: boolean): number | undefined =>
        runs.find(
          ({ settings }) => settings.decay === decay && settings.multipliers === multipliers,
        )?.result.validationLoss;
      const [without, having] = [loss(false), loss(true)];
      if (without === undefined || having === undefined) return [];
      const change = having - without;
      const said = `${change <= 0 ? 'lower' : 'raise'} the validation loss by ${Math.abs(change).toFixed(3)} nats a character`;
      return [`At weight decay ${decay} the multipliers ${said} (one seed).`];
    })
    .join('\n');
}
