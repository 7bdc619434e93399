/** The paper's fig. 4 at small scale: drift along symmetries, without a cure and with each of three. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles, roleOf } from '@tfjs-lrm/core';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { withSchedule } from '@tfjs-lrm/schedule';
import { minimalPlacement, rebalance, symmetryDrift } from '@tfjs-lrm/symmetry';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import type { ModelSize } from '../model/language-model.ts';
import { crossEntropy, languageModel } from '../model/language-model.ts';
import { batches, type Corpus } from '../text.ts';
import { scheduleOf } from '../train.ts';

/** What settings.json fixes. */
export interface Settings {
  readonly model: ModelSize;
  readonly context: number;
  readonly batch: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Of matrices and embeddings. */
  readonly decay: number;
  /** Of multipliers, where decay is the cure; else 0. */
  readonly multiplierDecay: number;
  readonly rebalanceEvery: number;
  readonly measureEvery: number;
  readonly seeds: readonly number[];
  readonly validationBatches: number;
}

export const CURES = ['none', 'rebalancing', 'minimal placement', 'light decay'] as const;
export type Cure = (typeof CURES)[number];

/** What is seen of a model after some steps. */
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

function build(settings: Settings, vocabulary: number, cure: Cure, seed: number): LayersModel {
  if (cure !== 'minimal placement') return languageModel(settings.model, vocabulary, true, seed);
  const plain = languageModel(settings.model, vocabulary, false, seed);
  const model = addMultipliers(plain, { placement: minimalPlacement(plain) });
  plain.dispose();
  return model;
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
export function trainWith(cure: Cure, seed: number, settings: Settings, corpus: Corpus): Run {
  const { context, batch, steps, learningRate, decay } = settings;
  const model = build(settings, corpus.vocabulary.length, cure, seed);
  assignRoles(model);
  const last = model.getLayer(`block${settings.model.blocks - 1}_mlp_residual`);
  const stream = makeModel({ inputs: model.inputs, outputs: last.output });
  const multiplier = cure === 'light decay' ? settings.multiplierDecay : 0;
  const rates = { matrix: decay, embedding: decay, head: decay, multiplier };
  const inner = withWeightDecay(adam({ learningRate, beta1: 0.9, beta2: 0.95 }), { decay: rates });
  const optimizer = withSchedule(withClipping(inner, { globalNorm: 1 }), scheduleOf(steps));
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const source = batches(corpus.training, batch, context, seed);
  const next = (from: typeof source): [tf.Tensor2D, tf.Tensor2D] => {
    const { inputs, targets } = from.next().value;
    return [
      tf.tensor2d(inputs, [batch, context], 'int32'),
      tf.tensor2d(targets, [batch, context], 'int32'),
    ];
  };
  const held = batches(corpus.validation, batch, context, 7);
  const [probe, unused] = next(held);
  unused.dispose();
  const measures = [measure(model, stream, probe, 0)];
  for (let step = 1; step <= steps; step++) {
    tf.tidy(() => {
      const [x, y] = next(source);
      const loss = () => crossEntropy(model.apply(x, { training: true }) as tf.Tensor, y);
      optimizer.minimize(loss, false, variables);
    });
    if (cure === 'rebalancing' && step % settings.rebalanceEvery === 0)
      rebalance(model, { optimizer, normalisation: true });
    if (step % settings.measureEvery === 0) measures.push(measure(model, stream, probe, step));
  }
  let loss = 0;
  for (let at = 0; at < settings.validationBatches; at++) {
    loss += tf.tidy(() => {
      const [x, y] = next(held);
      return crossEntropy(model.apply(x) as tf.Tensor, y).dataSync()[0] as number;
    });
  }
  probe.dispose();
  optimizer.dispose();
  model.dispose();
  return { cure, seed, loss: loss / settings.validationBatches, measures };
}

const LARGEST_HALF = 65_504;

/**
 * The step at which the residual stream would leave half precision: measured where it did, else extrapolated
 * from the second half of the run as exponential growth; null where it does not grow.
 */
export function overflow({ measures }: Run): { step: number; extrapolated: boolean } | null {
  const seen = measures.find(({ activation }) => !(activation < LARGEST_HALF));
  if (seen !== undefined) return { step: seen.step, extrapolated: false };
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
