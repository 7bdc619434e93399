/** What `diagnose` needs of a run, from its log: the scales of its matrices after every ten steps. */
import type { Recipe, ScalePoint, ScaleRecord } from '@tfjs-lrm/diagnostics';
import type { FinishedRun } from './results.ts';
import { scheduleOf } from './training/optimizer.ts';

const unseen = { update: null, outward: null, noise: null, signal: null } as const;

/** The record of a run, as `watchScales` would keep it; null for a run of an earlier version, which lacks the origins. */
export function scaleRecordOf({ settings, records, result }: FinishedRun): ScaleRecord | null {
  const { origins, matrices } = result;
  if (origins === undefined) return null;
  const schedule = scheduleOf(settings.preset.steps, settings);
  const point = ({ learningRate, decay = 0 }: Recipe, step: number, rms: number): ScalePoint => {
    const rate = learningRate * schedule(Math.max(0, step - 1));
    // The model's decay is coupled to the rate.
    return { step, moves: step, rms, rate, share: rate * decay, ...unseen };
  };
  const variables = matrices.flatMap(({ name, shape }) => {
    const origin = origins[name];
    if (origin === undefined) return [];
    const { start, recipe } = origin;
    const later = records.flatMap(({ step, scales }) => {
      const scale = scales?.[name];
      return scale === undefined ? [] : [point(recipe, step + 1, scale.stored)];
    });
    return {
      name: `${name}/kernel`,
      shape,
      role: 'matrix' as const,
      isFreed: settings.multipliers,
      recipe,
      points: [point(recipe, 0, start), ...later],
    };
  });
  return { every: 10, variables };
}
