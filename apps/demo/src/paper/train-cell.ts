/** The training of one cell: the matrices of one role have S = √(η/λ) scaled, all others keep theirs. */

import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles, byRole } from '@tfjs-lrm/core';
import {
  batchTensors,
  type Corpus,
  DEFAULT_RECIPE,
  evaluate,
  nextBatch,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { muon } from '@tfjs-lrm/muon';
import { withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { trainingStep } from '../training/step.ts';
import type { Cell } from './experiment.ts';

const PROBE_SEED = 8;

/** How an experiment trains its cells. */
export interface Plan {
  /** The role whose S is scaled; `roles` may give layers another role than their structure has. */
  readonly varied: 'matrix' | 'head';
  readonly roles?: Readonly<Record<string, 'embedding'>>;
  /** The optimizer of the matrices whose S is scaled; all others have AdamW. */
  readonly optimizer: 'adamw' | 'muon';
}

function optimizerOf({ factor, settings }: Cell, { varied, optimizer }: Plan): tf.Optimizer {
  const { learningRate, decay, multiplierDecay, preset } = settings;
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
    [varied]: decayed(scaled, decay / factor),
    default: decayed(adamw(learningRate), decay),
  } as Parameters<typeof byRole>[0]);
  return withSchedule(withClipping(groups, { globalNorm: clip }), scheduleOf(preset.steps));
}

/**
 * Trains a model and returns its validation loss with what `measure` finds in it, given a batch of validation text.
 * The backend must be ready; the model is disposed.
 */
export async function trainCell(
  model: LayersModel,
  cell: Cell,
  plan: Plan,
  corpus: Corpus,
  measure: (model: LayersModel, probe: tf.Tensor) => Record<string, number>,
): Promise<Record<string, number>> {
  const { preset, validationBatches } = cell.settings;
  const { steps, batch, context } = preset;
  assignRoles(model, { ...plan.roles });
  const optimizer = optimizerOf(cell, plan);
  const random = xoroshiro128plus(cell.seed);
  const training = await trainingStep(model, optimizer, cell.compile);
  for (let step = 0; step < steps; step++) {
    const [x, y] = batchTensors(nextBatch(corpus.training, batch, context, random), preset);
    tf.dispose([x, y, training.take(x, y)]);
  }
  const loss = await evaluate(model, corpus, preset, validationBatches);
  const [probe, unused] = batchTensors(
    nextBatch(corpus.validation, batch, context, xoroshiro128plus(PROBE_SEED)),
    preset,
  );
  const measured = { loss, ...measure(model, probe) };
  tf.dispose([probe, unused]);
  training.dispose();
  optimizer.dispose();
  model.dispose();
  return measured;
}

/** Root mean square of all entries. */
export const rootMeanSquare = (x: tf.Tensor): number =>
  tf.tidy(() => tf.sqrt(tf.mean(tf.square(x))).dataSync()[0] as number);
