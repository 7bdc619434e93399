/** What finished runs say when they are put side by side. */
import { grouped, mean, meanAndSpread } from './statistics.ts';
import type { RunResult } from './training/finish.ts';
import type { StepRecord } from './training/losses.ts';
import type { RunSettings } from './training/settings.ts';

/** A run as its log describes it. */
export interface LoggedRun {
  readonly settings: RunSettings;
  readonly records: readonly StepRecord[];
}

export interface FinishedRun extends LoggedRun {
  readonly result: RunResult;
}

/** Runs that differ in their seeds alone, by their common name. */
export const bySeeds = <R extends LoggedRun>(runs: readonly R[]): Map<string, R[]> =>
  grouped(runs, ({ settings }) => settings.group);

/** The mean scale of a matrix over runs that differ in their seeds alone; a dash where they do not have it. */
export function meanScale(
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
export function matrixShapes(runs: readonly FinishedRun[]): Map<string, string> {
  const shapes = new Map<string, Set<string>>();
  for (const { name, shape } of runs.flatMap(({ result }) => result.matrices)) {
    shapes.set(name, (shapes.get(name) ?? new Set()).add(shape.join(' × ')));
  }
  return new Map([...shapes].map(([name, some]) => [name, [...some].join(' or ')]));
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
