/**
 * Fig. 1, projector: the S of the head is varied with ηλ constant, and what stands before the head is a frozen gain, a
 * frozen gain and a scalar multiplier, or the ordinary gain of the norm, one number a column of the head.
 */

import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { brownianBand, type Recipe, recipeOf } from '@tfjs-lrm/diagnostics';
import { type Corpus, languageModel, scheduleOf } from '@tfjs-lrm/language-model';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { curve, degradation, inWords, logSlope, numberOf, range } from './curves.ts';
import type { Drawing } from './drawings.ts';
import {
  type Cell,
  grid,
  type Measured,
  type Outcome,
  type Plan,
  type Verdict,
  verdictOf,
} from './experiment.ts';
import {
  chartsOverFactors,
  type ScaledSettings,
  type ScaledTraining,
  scaledOptimizer,
  TRAINING,
} from './scaled-optimizer.ts';
import { rootMeanSquare, trainCell } from './train-cell.ts';

export const name = 'scale';
export const title = 'Projector: the scale of the head';
export const claim =
  'Without a learnable scale the loss depends on S = √(η/λ) of the head and degrades at both ends; with one it does not, and the multiplier moves against S (fig. 1).';

const LINES = ['gain frozen', 'scalar', 'vector'] as const;

type Varied = { readonly line: (typeof LINES)[number]; readonly factor: number };

export const plans = (settings: ScaledSettings): Plan<Varied, ScaledTraining>[] =>
  grid(name, { line: LINES, factor: settings.factors }, settings, TRAINING);

type OwnCell = Cell<Varied, ScaledTraining>;

function build({ varied, seed, settings }: OwnCell, vocabulary: number): LayersModel {
  const plain = languageModel(settings.preset, vocabulary, false, seed);
  plain.getLayer('norm').trainable = varied.line === 'vector';
  if (varied.line !== 'scalar') return plain;
  const options = { scalar: true, row: false, column: false };
  const model = addMultipliers(plain, {
    placement: (layer) => (layer.name === 'head' ? options : null),
  });
  plain.dispose();
  model.getLayer('norm').trainable = false;
  return model;
}

function weightOf(model: LayersModel, name: string): tf.Variable | undefined {
  const weight = model.weights.find(({ originalName }) => originalName === name);
  return weight && variableOf(weight);
}

export async function train(cell: OwnCell, corpus: Corpus): Promise<Measured> {
  const { settings } = cell;
  const { factor } = cell.varied;
  const { preset } = settings;
  const model = build(cell, corpus.vocabulary.length);
  assignRoles(model);
  const optimizer = scaledOptimizer(settings, factor, { role: 'head', optimizer: 'adamw' });
  return trainCell({ model, optimizer, cell }, corpus, (probe) => {
    const head = weightOf(model, 'head/kernel') as tf.Variable;
    const gain = weightOf(model, 'head/kernel/scalar_multiplier') ?? weightOf(model, 'norm/gain');
    const logits = model.apply(probe) as tf.Tensor;
    const recipe = recipeOf(optimizer, head) as Recipe;
    const { rms } = brownianBand(head.shape, scheduleOf(preset.steps), recipe, {
      steps: preset.steps,
      start: 1 / Math.sqrt(preset.width),
    });
    const measured = {
      gain: rootMeanSquare(gain as tf.Tensor),
      logits: rootMeanSquare(logits),
      againstBrownian: rootMeanSquare(head) / (rms.at(-1) as number),
    };
    logits.dispose();
    return measured;
  });
}

const quantity = (outcomes: readonly Outcome<Varied>[], line: Varied['line'], what: string) =>
  curve(outcomes, { line }, 'factor', numberOf(what));

export function drawings(
  outcomes: readonly Outcome<Varied>[],
  settings: ScaledSettings,
): Drawing[] {
  const charts = [
    ['loss', 'Loss against S', 'validation loss, nats a character'],
    ['gain', 'The gain that is learned', 'root mean square of the gain'],
    ['logits', 'Logits', 'root mean square of the logits'],
    [
      'againstBrownian',
      'Norm of the head against Brownian motion',
      'norm of the head / Adam Brownian motion',
    ],
  ] as const;
  return chartsOverFactors(charts, LINES, (line, what) => quantity(outcomes, line, what), settings);
}

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: ScaledSettings): Verdict {
  const {
    degradation: least,
    flatness,
    slope: steepest,
  } = rule as Record<string, number> & {
    degradation: number;
    flatness: number;
    slope: number;
  };
  const loss = (line: Varied['line']) => quantity(outcomes, line, 'loss');
  const frozen = loss('gain frozen');
  const ends = [degradation(frozen, 'first'), degradation(frozen, 'last')];
  const degrades = ends.map(({ nats, error }) => nats > least && nats > 2 * error);
  const learned = ['scalar', 'vector'] as const;
  const flat = learned.map((line) => range(loss(line)) <= flatness * range(frozen));
  const slope = logSlope(quantity(outcomes, 'scalar', 'gain'));
  const moves = slope <= steepest;
  const because = `gain frozen: ${ends[0]?.nats.toFixed(3)} nats above its best at the smallest S and ${ends[1]?.nats.toFixed(3)} at the largest (more than ${least} each: ${inWords(...degrades)}); range over S: ${[frozen, ...learned.map(loss)].map((points) => range(points).toFixed(3)).join(', ')} for ${LINES.join(', ')} (at most ${flatness.toFixed(2)} of the first: ${inWords(...flat)}); the scalar goes with S to the power ${slope.toFixed(2)} (at most ${steepest}: ${inWords(moves)}).`;
  const held = [...degrades, ...flat, moves];
  return verdictOf(because, held.every(Boolean), degrades.some(Boolean) && flat.some(Boolean));
}
