/** The optimizer of `scale` and `mlp`: the matrices of one role have S = √(η/λ) scaled, all others keep theirs. */

import type * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { byRole } from '@tfjs-lrm/core';
import { DEFAULT_RECIPE, scheduleOf } from '@tfjs-lrm/language-model';
import { muon } from '@tfjs-lrm/muon';
import { withSchedule } from '@tfjs-lrm/schedule';
import type { Axis } from '@tfjs-lrm/shared';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { lineOf, overSeeds, type Point } from './curves.ts';
import type { Drawing } from './drawings.ts';
import type { Settings } from './experiment.ts';
import type { TrainedSettings } from './train-cell.ts';

/** What cells in which S is scaled are trained with. */
export interface ScaledTraining extends TrainedSettings {
  readonly learningRate: number;
  readonly decay: number;
  readonly multiplierDecay: number;
}

/** A settings file of such an experiment. */
export interface ScaledSettings extends Settings, ScaledTraining {
  /** Factors of S for the matrices that are varied: their η is multiplied and their λ divided by it. */
  readonly factors: readonly number[];
}

/** Those settings that the numbers of a cell depend on. */
export const TRAINING = [
  'preset',
  'learningRate',
  'decay',
  'multiplierDecay',
  'validationBatches',
] as const;

/** The axis of S. */
const factorAxis = (factors: readonly number[]): Axis => ({
  label: 'S, as a multiple of √(η/λ) of the other matrices',
  log: true,
  ticks: factors,
  format: (factor) => (factor < 1 ? `1/${Math.round(1 / factor)}` : String(factor)),
});

/** A chart of each quantity over the factors of S, a line a condition. */
export const chartsOverFactors = <Line extends string>(
  charts: readonly (readonly [quantity: string, title: string, label: string])[],
  lines: readonly Line[],
  points: (line: Line, quantity: string) => readonly Point[],
  settings: ScaledSettings,
): Drawing[] =>
  charts.map(([quantity, title, label]) => ({
    kind: 'curves',
    chart: {
      title,
      description: overSeeds(settings),
      x: factorAxis(settings.factors),
      y: { label, log: quantity !== 'loss' },
    },
    lines: lines.map((line) => lineOf(line, points(line, quantity))),
  }));

/** `optimizer` is that of the matrices whose S is scaled; all others have AdamW. */
export function scaledOptimizer(
  { learningRate, decay, multiplierDecay, preset }: ScaledTraining,
  factor: number,
  { role, optimizer }: { readonly role: 'matrix' | 'head'; readonly optimizer: 'adamw' | 'muon' },
): tf.Optimizer {
  const { beta1, beta2, epsilon, momentum, clip } = DEFAULT_RECIPE;
  const decayed = (inner: tf.Optimizer, strength: number) =>
    withWeightDecay(inner, {
      decay: {
        matrix: strength,
        embedding: strength,
        head: strength,
        multiplier: multiplierDecay,
        vector: 0,
      },
    });
  const adamw = (rate: number) => adam({ learningRate: rate, beta1, beta2, epsilon });
  const rate = learningRate * factor;
  const scaled = optimizer === 'muon' ? muon({ learningRate: rate, momentum }) : adamw(rate);
  const groups = byRole({
    [role]: decayed(scaled, decay / factor),
    default: decayed(adamw(learningRate), decay),
  } as Parameters<typeof byRole>[0]);
  return withSchedule(withClipping(groups, { globalNorm: clip }), scheduleOf(preset.steps));
}
