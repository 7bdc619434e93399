/** The training of one cell, and what is measured in it, on the way and at the end. */

import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  type Batch,
  batchTensors,
  type Corpus,
  evaluate,
  nextBatch,
  type Preset,
} from '@tfjs-lrm/language-model';
import type { CrossEntropyOptions } from '@tfjs-lrm/layers';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { trainingStep } from '../training/step.ts';
import type { Cell, Measured, Varied } from './experiment.ts';

const PROBE_SEED = 8;
/** A process that is to end hears of it between two steps of these. */
const LISTEN_EVERY = 20;

/** What the settings of a trained cell have at least. */
export interface TrainedSettings {
  readonly preset: Preset;
  readonly validationBatches: number;
}

/** Measurements every so many steps, each joining the list of its name. */
export interface Watch {
  readonly every: number;
  readonly measure: (step: number) => Record<string, number> | Promise<Record<string, number>>;
}

/** Everything that a training run consists of, but for what is measured at its end. */
export interface Training<T extends Pick<TrainedSettings, 'preset'> = TrainedSettings> {
  readonly model: LayersModel;
  readonly optimizer: tf.Optimizer;
  readonly cell: Pick<Cell<Varied, T>, 'settings' | 'seed' | 'compile'>;
  readonly draw: (random: RandomGenerator) => Batch;
  readonly loss?: CrossEntropyOptions;
  /** Called after a step, from 1, before what is watched is measured. */
  readonly afterStep?: (step: number) => void;
  readonly watch?: Watch;
}

/** Trains a model for the steps of its preset; lists of what was watched, with `step` among them. */
export async function trainModel(
  training: Training<Pick<TrainedSettings, 'preset'>>,
): Promise<Record<string, number[]>> {
  const { model, optimizer, cell, draw, loss, afterStep, watch } = training;
  const { preset } = cell.settings;
  const random = xoroshiro128plus(cell.seed);
  const step = await trainingStep(model, optimizer, cell.compile, loss);
  const watched: Record<string, number[]> = {};
  const note = async (at: number): Promise<void> => {
    if (watch === undefined) return;
    for (const [name, value] of Object.entries({ step: at, ...(await watch.measure(at)) }))
      watched[name] = [...(watched[name] ?? []), value];
  };
  for (let at = 1; at <= preset.steps; at++) {
    const [x, y] = batchTensors(draw(random), preset);
    tf.dispose([x, y, step.take(x, y)]);
    afterStep?.(at);
    if (watch !== undefined && at % watch.every === 0) await note(at);
    if (at % LISTEN_EVERY === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  step.dispose();
  return watched;
}

/**
 * Trains a model on a text and returns its validation loss with what `measure` finds in it, given a batch of
 * validation text, and with what was watched. The backend must be ready; model and optimizer are disposed.
 */
export async function trainCell(
  training: Omit<Training, 'draw'>,
  corpus: Corpus,
  measure: (probe: tf.Tensor) => Measured | Promise<Measured> = () => ({}),
): Promise<Measured> {
  const { model, optimizer, cell } = training;
  const { preset, validationBatches } = cell.settings;
  const { batch, context } = preset;
  const draw = (random: RandomGenerator): Batch =>
    nextBatch(corpus.training, batch, context, random);
  const watched = await trainModel({ ...training, draw });
  const loss = await evaluate(model, corpus, preset, validationBatches);
  const [probe, unused] = batchTensors(
    nextBatch(corpus.validation, batch, context, xoroshiro128plus(PROBE_SEED)),
    preset,
  );
  const measured = { loss, ...(await measure(probe)), ...watched };
  tf.dispose([probe, unused]);
  optimizer.dispose();
  model.dispose();
  return measured;
}

/** Root mean square of all entries. */
export const rootMeanSquare = (x: tf.Tensor): number =>
  tf.tidy(() => tf.sqrt(tf.mean(tf.square(x))).dataSync()[0] as number);
