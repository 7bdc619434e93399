import { columns } from '@tfjs-lrm/shared';
import { grouped, mean, meanAndSpread, spread } from '../../statistics.ts';
import type { RunResult } from '../../training/finish.ts';
import type { LoggedRun } from '../checkpoint/logged-runs.ts';

export interface FinishedRun extends LoggedRun {
  readonly result: RunResult;
}

/** Runs that differ in their seeds alone, by their common name. */
export const bySeeds = <R extends LoggedRun>(runs: readonly R[]): Map<string, R[]> =>
  grouped(runs, ({ settings }) => settings.group);

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
  return columns([
    ['run', 'validation loss', 'perplexity', 'parameters', 'ms/step', 'course'],
    ...groups.map(([name, members], i) => {
      const losses = members.map(({ result }) => result.validationLoss);
      return [
        name,
        meanAndSpread(losses, 3),
        Math.exp(mean(losses)).toFixed(2),
        (members[0] as FinishedRun).result.parameters.toLocaleString('en'),
        mean(members.map(({ result }) => result.msPerStep)).toFixed(0),
        sparkline(curves[i] ?? [], low, high),
      ];
    }),
  ]);
}

/** The mean scale of a matrix over runs that differ in their seeds alone; a dash where they do not have it. */
export function scaleOf(
  runs: readonly FinishedRun[],
  name: string,
  key: 'stored' | 'effective',
): string {
  const scales = runs.flatMap(({ result }) =>
    result.matrices.filter((matrix) => matrix.name === name).map((matrix) => matrix[key]),
  );
  return scales.length === 0 ? '–' : mean(scales).toFixed(4);
}

/** The names of all matrices that any of the runs has, with their shapes. */
export function matricesOf(runs: readonly FinishedRun[]): Map<string, string> {
  const shapes = new Map<string, Set<string>>();
  for (const { name, shape } of runs.flatMap(({ result }) => result.matrices)) {
    shapes.set(name, (shapes.get(name) ?? new Set()).add(shape.join(' × ')));
  }
  return new Map([...shapes].map(([name, some]) => [name, [...some].join(' or ')]));
}

/** The scale of each matrix as it acts at the end, a column a run. */
export function scaleTable(runs: readonly FinishedRun[]): string {
  const groups = [...bySeeds(runs).values()];
  const rows = [...matricesOf(runs).keys()].map((name) => [
    name,
    ...groups.map((members) => scaleOf(members, name, 'effective')),
  ]);
  return `Scale of each matrix at the end, root mean square of r·W·c, runs in the order above\n${columns(
    [['matrix', ...groups.map((_, i) => String(i + 1))], ...rows],
  )}`;
}

/** What the multipliers changed, in words, for each mixer, optimizer and decay. */
export function verdict(runs: readonly FinishedRun[]): string {
  const mixerOf = ({ settings }: FinishedRun): string => settings.preset.mixer ?? 'attention';
  const isOfMixers = new Set(runs.map(mixerOf)).size > 1;
  const pairs = grouped(
    runs,
    (run) => `${mixerOf(run)} ${run.settings.optimizer} ${run.settings.decay}`,
  );
  return [...pairs.values()]
    .flatMap((members) => {
      const of = (multipliers: boolean): readonly FinishedRun[] =>
        members.filter(({ settings }) => settings.multipliers === multipliers);
      const [without, having] = [of(false), of(true)];
      if (without.length === 0 || having.length !== without.length) return [];
      // Seed by seed, so that what both have in common does not count as spread.
      const changes = having.map(
        ({ result }, i) =>
          result.validationLoss - (without[i] as FinishedRun).result.validationLoss,
      );
      const { optimizer, decay } = (members[0] as FinishedRun).settings;
      const lowers = mean(changes) <= 0;
      const amount = meanAndSpread(
        changes.map((change) => (lowers ? -change : change)),
        3,
      );
      const seeds = changes.length === 1 ? 'one seed' : `${changes.length} seeds`;
      return [
        `${isOfMixers ? `${mixerOf(members[0] as FinishedRun)}: with` : 'With'} ${optimizer === 'muon' ? 'Muon' : 'AdamW'} at weight decay ${decay} the multipliers ${lowers ? 'lower' : 'raise'} the validation loss by ${amount} nats a character (${seeds}).`,
      ];
    })
    .join('\n');
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
