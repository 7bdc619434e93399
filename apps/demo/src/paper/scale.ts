/**
 * Fig. 1, projector: the S of the head is varied with ηλ constant, and what stands before the head is a frozen gain, a
 * frozen gain and a scalar multiplier, or the ordinary gain of the norm, one number a column of the head.
 */

import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Corpus, DEFAULT_RECIPE, languageModel, scheduleOf } from '@tfjs-lrm/language-model';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { brownianNorm } from './brownian.ts';
import { curve, degradation, inWords, logSlope, range } from './curves.ts';
import type { Cell, Measured, Outcome, Settings, Verdict } from './experiment.ts';
import { rootMeanSquare, trainCell } from './train-cell.ts';

export const name = 'scale';
export const title = 'Projector: the scale of the head';
export const claim =
  'Without a learnable scale the loss depends on S = √(η/λ) of the head and degrades at both ends; with one it does not, and the multiplier moves against S (fig. 1).';
export const lines = ['gain frozen', 'scalar', 'vector'] as const;

export const charts = [
  { quantity: 'loss', label: 'validation loss, nats a character', title: 'Loss against S' },
  { quantity: 'gain', label: 'root mean square of the gain', title: 'The gain that is learned' },
  { quantity: 'logits', label: 'root mean square of the logits', title: 'Logits' },
  {
    quantity: 'againstBrownian',
    label: 'norm of the head / Adam Brownian motion',
    title: 'Norm of the head against Brownian motion',
  },
] as const;

function build({ line, seed, settings }: Cell, vocabulary: number): LayersModel {
  const plain = languageModel(settings.preset, vocabulary, false, seed);
  plain.getLayer('norm').trainable = line === 'vector';
  if (line !== 'scalar') return plain;
  const options = { scalar: true, row: false, column: false };
  const model = addMultipliers(plain, {
    placement: (layer) => (layer.name === 'head' ? options : null),
  });
  plain.dispose();
  model.getLayer('norm').trainable = false;
  return model;
}

const weightOf = (model: LayersModel, weight: string): tf.Tensor | undefined =>
  model.weights.find(({ originalName }) => originalName === weight)?.read();

export async function train(cell: Cell, corpus: Corpus): Promise<Measured> {
  const { factor, settings } = cell;
  const { preset, learningRate, decay } = settings;
  const model = build(cell, corpus.vocabulary.length);
  const plan = { varied: 'head', optimizer: 'adamw' } as const;
  return trainCell(model, cell, plan, corpus, (trained, probe) => {
    const head = rootMeanSquare(weightOf(trained, 'head/kernel') as tf.Tensor);
    const gain =
      weightOf(trained, 'head/kernel/scalar_multiplier') ?? weightOf(trained, 'norm/gain');
    const logits = trained.apply(probe) as tf.Tensor;
    const brownian = brownianNorm({
      ...DEFAULT_RECIPE,
      steps: preset.steps,
      schedule: scheduleOf(preset.steps),
      learningRate: learningRate * factor,
      decay: decay / factor,
      start: 1 / Math.sqrt(preset.width),
    });
    const measured = {
      gain: rootMeanSquare(gain as tf.Tensor),
      logits: rootMeanSquare(logits),
      againstBrownian: head / brownian,
    };
    logits.dispose();
    return measured;
  });
}

export function judge(outcomes: readonly Outcome[], { rule }: Settings): Verdict {
  const {
    degradation: least,
    flatness,
    slope: steepest,
  } = rule as Record<string, number> & {
    degradation: number;
    flatness: number;
    slope: number;
  };
  const loss = (line: string) => curve(outcomes, line, 'loss');
  const frozen = loss('gain frozen');
  const ends = [degradation(frozen, 'first'), degradation(frozen, 'last')];
  const degrades = ends.map(({ nats, error }) => nats > least && nats > 2 * error);
  const learned = ['scalar', 'vector'] as const;
  const flat = learned.map((line) => range(loss(line)) <= flatness * range(frozen));
  const slope = logSlope(curve(outcomes, 'scalar', 'gain'));
  const moves = slope <= steepest;
  const because = `gain frozen: ${ends[0]?.nats.toFixed(3)} nats above its best at the smallest S and ${ends[1]?.nats.toFixed(3)} at the largest (more than ${least} each: ${inWords(...degrades)}); range over S: ${[frozen, ...learned.map(loss)].map((points) => range(points).toFixed(3)).join(', ')} for ${lines.join(', ')} (at most ${flatness.toFixed(2)} of the first: ${inWords(...flat)}); the scalar goes with S to the power ${slope.toFixed(2)} (at most ${steepest}: ${inWords(moves)}).`;
  const held = [...degrades, ...flat, moves];
  if (held.every(Boolean)) return { verdict: 'reproduced', because };
  const isSeen = degrades.some(Boolean) && flat.some(Boolean);
  return { verdict: isSeen ? 'partly' : 'not seen at this size', because };
}
