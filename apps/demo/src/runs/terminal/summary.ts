import { drawTable } from '@tfjs-lrm/core/kit';
import {
  bySeeds,
  type FinishedRun,
  matrixShapes,
  mean,
  meanAndSpread,
  meanScale,
  spread,
} from '@tfjs-lrm/language-model';

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

/** The table of results, with the course of each validation loss (of the first seed). */
export function table(runs: readonly FinishedRun[]): string {
  const groups = [...bySeeds(runs)];
  const curves = groups.map(([, [first]]) =>
    (first as FinishedRun).records.flatMap(({ validationLoss }) => validationLoss ?? []),
  );
  const all = curves.flat();
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const rows = groups.map(([name, members], i) => {
    const losses = members.map(({ result }) => result.validationLoss);
    return [
      name,
      meanAndSpread(losses, 3),
      Math.exp(mean(losses)).toFixed(2),
      (members[0] as FinishedRun).result.parameters.toLocaleString('en'),
      mean(members.map(({ result }) => result.msPerStep)).toFixed(0),
      sparkline(curves[i] ?? [], low, high),
    ];
  });
  const header = ['run', 'validation loss', 'perplexity', 'parameters', 'ms/step', 'course'];
  return drawTable([header, ...rows], { right: 1 });
}

/** The scale of each matrix as it acts at the end, a column a run. */
export function scaleTable(runs: readonly FinishedRun[]): string {
  const groups = [...bySeeds(runs).values()];
  const rows = [...matrixShapes(runs).keys()].map((name) => [
    name,
    ...groups.map((members) => meanScale(members, name, 'effective')),
  ]);
  return `Scale of each matrix at the end, root mean square of r·W·c, runs in the order above\n${drawTable(
    [['matrix', ...groups.map((_, i) => String(i + 1))], ...rows],
    { right: 1 },
  )}`;
}

/** All results, for programs. */
export function resultsJson(folder: string, runs: readonly FinishedRun[]): object {
  return {
    folder,
    groups: [...bySeeds(runs)].map(([name, members]) => {
      const losses = members.map(({ result }) => result.validationLoss);
      const [average, deviation] = [mean(losses), losses.length > 1 ? spread(losses) : null];
      return { name, seeds: losses.length, validationLoss: { mean: average, spread: deviation } };
    }),
    runs: runs.map(({ settings, result }) => {
      const { multipliers: _, ...rest } = result;
      return { settings, ...rest };
    }),
  };
}
