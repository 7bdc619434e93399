/** The paper's fig. 4 at small scale: drift along symmetries, without a cure and with each of three. */

import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel } from '@tensorflow/tfjs-layers';
import { assignRoles, roleOf } from '@tfjs-lrm/core';
import {
  batchTensors,
  type Compile,
  type Corpus,
  DEFAULT_RECIPE,
  evaluate,
  nextBatch,
  optimizerOf,
  type Preset,
  placedModel,
  scheduleOf,
} from '@tfjs-lrm/language-model';
import { rebalance, symmetryDrift } from '@tfjs-lrm/symmetry';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { trainingStep } from '../training/step.ts';

/** What settings.json fixes. */
export interface Settings {
  readonly preset: Preset;
  readonly learningRate: number;
  /** Of matrices and embeddings. */
  readonly decay: number;
  /** Of multipliers, where decay is the cure; 0 otherwise. */
  readonly multiplierDecay: number;
  readonly rebalanceEvery: number;
  readonly measureEvery: number;
  readonly seeds: readonly number[];
  readonly validationBatches: number;
}

const PROBE_SEED = 8;

export const CURES = ['none', 'rebalancing', 'minimal placement', 'light decay'] as const;
export type Cure = (typeof CURES)[number];

/** Measurements of a model after some steps. */
export interface Measure {
  readonly step: number;
  /** The root mean square of the distances from balance of all symmetries, in nats. */
  readonly drift: number;
  /** The largest |log| of a multiplier, in nats. */
  readonly multiplier: number;
  /** The largest magnitude on the residual stream after the last block. */
  readonly activation: number;
}

/** One training run. */
export interface Run {
  readonly cure: Cure;
  readonly seed: number;
  readonly loss: number;
  readonly measures: readonly Measure[];
}

export function readSettings(): Settings {
  const url = new URL('../../src/symmetry/settings.json', import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Settings;
}

function measure(model: LayersModel, stream: LayersModel, x: tf.Tensor, step: number): Measure {
  const drifts = symmetryDrift(model);
  const factors = model.trainableWeights.filter(
    (weight) => roleOf(weight.read() as tf.Variable) === 'multiplier',
  );
  const [multiplier, activation] = tf.tidy(() => {
    const logs = factors.map((factor) => tf.max(tf.abs(tf.log(tf.abs(factor.read())))));
    const largest = tf.max(tf.abs(stream.apply(x) as tf.Tensor));
    return tf.stack([tf.max(tf.stack(logs)), largest]).dataSync();
  }) as Float32Array & [number, number];
  const drift = Math.sqrt(drifts.reduce((sum, each) => sum + each ** 2, 0) / drifts.length);
  return { step, drift, multiplier, activation };
}

/** Trains one model and measures it on the way; the backend must be ready. */
export async function trainWith(
  cure: Cure,
  seed: number,
  settings: Settings,
  corpus: Corpus,
  compile: Compile = 'off',
): Promise<Run> {
  const { preset, learningRate, decay, rebalanceEvery, measureEvery } = settings;
  const placement = cure === 'minimal placement' ? 'minimal' : 'full';
  const model = placedModel(preset, corpus.vocabulary.length, placement, seed);
  assignRoles(model);
  const last = model.getLayer(`block${preset.blocks - 1}_mlp_residual`);
  const stream = makeModel({ inputs: model.inputs, outputs: last.output });
  const multiplierDecay = cure === 'light decay' ? settings.multiplierDecay : 0;
  const recipe = { ...DEFAULT_RECIPE, learningRate, decay, multiplierDecay };
  const optimizer = optimizerOf(recipe, scheduleOf(preset.steps));
  const [random, probeRandom] = [xoroshiro128plus(seed), xoroshiro128plus(PROBE_SEED)];
  const { batch, context, steps } = preset;
  const [probe, unused] = batchTensors(
    nextBatch(corpus.validation, batch, context, probeRandom),
    preset,
  );
  unused.dispose();
  const measures = [measure(model, stream, probe, 0)];
  const training = await trainingStep(model, optimizer, compile);
  for (let step = 1; step <= steps; step++) {
    const [x, y] = batchTensors(nextBatch(corpus.training, batch, context, random), preset);
    tf.dispose([x, y, training.take(x, y)]);
    if (cure === 'rebalancing' && step % rebalanceEvery === 0)
      rebalance(model, { optimizer, normalisation: true });
    if (step % measureEvery === 0) measures.push(measure(model, stream, probe, step));
  }
  const loss = await evaluate(model, corpus, preset, settings.validationBatches);
  probe.dispose();
  training.dispose();
  optimizer.dispose();
  model.dispose();
  return { cure, seed, loss, measures };
}

const LARGEST_HALF = 65_504;

/**
 * The step at which the residual stream would leave half precision: measured where it did, else extrapolated
 * from the second half of the run as exponential growth; null where it does not grow.
 */
export function overflow({ measures }: Run): { step: number; extrapolated: boolean } | null {
  const overflowing = measures.find(({ activation }) => !(activation < LARGEST_HALF));
  if (overflowing !== undefined) return { step: overflowing.step, extrapolated: false };
  const late = measures.slice(Math.floor(measures.length / 2));
  const [first, last] = [late[0], late.at(-1)] as [Measure, Measure];
  const mean = (of: (each: Measure) => number): number =>
    late.reduce((sum, each) => sum + of(each), 0) / late.length;
  const [x, y] = [mean(({ step }) => step), mean(({ activation }) => Math.log(activation))];
  const slope =
    mean(({ step, activation }) => (step - x) * (Math.log(activation) - y)) /
    mean(({ step }) => (step - x) ** 2);
  if (!(slope > 0) || first === last) return null;
  return { step: Math.round(x + (Math.log(LARGEST_HALF) - y) / slope), extrapolated: true };
}
