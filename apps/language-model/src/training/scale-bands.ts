import { assignRoles } from '@tfjs-lrm/core';
import { brownianBand } from '@tfjs-lrm/diagnostics';
import { languageModel } from '../model/language-model.ts';
import { mupFrom } from './mup-from.ts';
import { optimizerOf, scheduleOf } from './optimizer.ts';
import { originsOf } from './origins.ts';
import type { RunSettings } from './settings.ts';

/** The least and the greatest scale that noise and decay alone would give a matrix: before step 0, `every`, 2 · `every` … */
export interface ScaleBand {
  readonly every: number;
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** The band of each matrix of a run without multipliers, by name. */
export async function scaleBands(
  settings: RunSettings,
  vocabulary: number,
  every: number,
): Promise<Record<string, ScaleBand>> {
  const { preset, seed } = settings;
  const { steps } = preset;
  const model = languageModel(preset, vocabulary, false, seed);
  assignRoles(model);
  const schedule = scheduleOf(steps, settings);
  const optimizer = optimizerOf(settings, schedule);
  mupFrom(model, optimizer, settings, vocabulary);
  const origins = await originsOf(model, optimizer);
  const some = (values: Float64Array): number[] =>
    Array.from(values).filter((_, i) => i % every === 0);
  const bands = Object.entries(origins).map(([name, { shape, start, recipe }]) => {
    const { low, high } = brownianBand(shape, schedule, recipe, { steps, start });
    return [name, { every, low: some(low), high: some(high) }] as const;
  });
  optimizer.dispose();
  model.dispose();
  return Object.fromEntries(bands);
}
