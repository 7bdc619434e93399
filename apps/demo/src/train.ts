import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { withClipping } from '@tfjs-lrm/clipping';
import { assignRoles, learningRateOf, type OptimizerAdapter } from '@tfjs-lrm/core';
import { type Schedule, warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { generate } from './generate.ts';
import { crossEntropy, languageModel } from './model/language-model.ts';
import type { RunSettings } from './presets.ts';
import { type Batch, batches, type Corpus } from './text.ts';

/** What is known after a step. Losses are nats a character. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly validationLoss?: number;
}

export interface Progress {
  readonly records: readonly StepRecord[];
  /** The latest one; null before the first evaluation. */
  readonly validationLoss: number | null;
  readonly msPerStep: number;
}

export interface RunResult {
  readonly validationLoss: number;
  readonly parameters: number;
  /** Median, without evaluation. */
  readonly msPerStep: number;
  readonly sample: string;
}

const WARMUP = 50;
const REPORT_EVERY = 10;
const EVALUATE_EVERY = 50;
const QUICK_BATCHES = 8;
const FINAL_BATCHES = 40;
const VALIDATION_SEED = 7;
const SAMPLE_CHARACTERS = 240;

/** Warm-up, constant rate, and in the last fifth an exponential decay by 8. */
export function scheduleOf(steps: number): Schedule {
  const decay = Math.round(steps / 5);
  return warmupStableDecay({ warmup: WARMUP, stable: Math.max(0, steps - WARMUP - decay), decay });
}

/** The recipe of the reference in `reference/`: AdamW, clipping at 1 without the multipliers, a schedule. */
export function recipe(learningRate: number, decay: number, schedule: Schedule): OptimizerAdapter {
  const adamW = withWeightDecay(adam({ learningRate, beta1: 0.9, beta2: 0.95 }), { decay });
  return withSchedule(withClipping(adamW, { globalNorm: 1 }), schedule);
}

function tensors(
  { inputs, targets }: Batch,
  { batch, context }: RunSettings['preset'],
): [tf.Tensor2D, tf.Tensor2D] {
  const shape: [number, number] = [batch, context];
  return [tf.tensor2d(inputs, shape, 'int32'), tf.tensor2d(targets, shape, 'int32')];
}

/** Mean loss over the first `count` validation batches, always the same ones. */
export async function evaluate(
  model: LayersModel,
  corpus: Corpus,
  settings: RunSettings,
  count: number,
): Promise<number> {
  const { batch, context } = settings.preset;
  const source = batches(corpus.validation, batch, context, VALIDATION_SEED);
  const total = tf.tidy(() => {
    let sum: tf.Tensor = tf.scalar(0);
    for (let i = 0; i < count; i++) {
      const previous = sum;
      sum = tf.tidy(() => {
        const [x, y] = tensors(source.next().value, settings.preset);
        return tf.add(previous, crossEntropy(model.apply(x) as tf.Tensor, y));
      });
    }
    return tf.div(sum, count);
  });
  const [value] = await total.data();
  total.dispose();
  return value as number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/**
 * One run: trains, reports every ten steps, evaluates every fifty, and ends with the loss over all
 * validation batches and a sample of text.
 */
export async function train(
  settings: RunSettings,
  corpus: Corpus,
  report: (progress: Progress) => void,
): Promise<RunResult> {
  const { preset, multipliers, seed } = settings;
  const model = languageModel(preset, corpus.vocabulary.length, multipliers, seed);
  assignRoles(model);
  const optimizer = recipe(settings.learningRate, settings.decay, scheduleOf(preset.steps));
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const rate = learningRateOf(optimizer, variables[0] as tf.Variable);
  const source = batches(corpus.training, preset.batch, preset.context, seed);
  const times: number[] = [];
  let waiting: { step: number; loss: tf.Scalar; rate: tf.Tensor }[] = [];
  let validationLoss: number | null = null;

  for (let step = 0; step < preset.steps; step++) {
    const began = performance.now();
    const [x, y] = tensors(source.next().value, preset);
    const loss = optimizer.minimize(
      () => crossEntropy(model.apply(x, { training: true }) as tf.Tensor, y),
      true,
      variables,
    );
    waiting.push({ step, loss: loss as tf.Scalar, rate: tf.clone(rate) });
    tf.dispose([x, y]);
    const isLast = step === preset.steps - 1;
    // Losses are read every ten steps: reading one waits for the device.
    const records = waiting.length === REPORT_EVERY || isLast ? await read(waiting) : [];
    times.push(performance.now() - began);
    if (records.length === 0) continue;
    waiting = [];
    const evaluates = (step + 1) % EVALUATE_EVERY === 0 || isLast;
    if (evaluates) {
      validationLoss = await evaluate(
        model,
        corpus,
        settings,
        isLast ? FINAL_BATCHES : QUICK_BATCHES,
      );
      records.push({ ...(records.pop() as StepRecord), validationLoss });
    }
    report({ records, validationLoss, msPerStep: median(times) });
  }
  const sample = generate(model, corpus, preset.context, SAMPLE_CHARACTERS, seed);
  const parameters = model.countParams();
  optimizer.dispose();
  model.dispose();
  return {
    validationLoss: validationLoss ?? Number.NaN,
    parameters,
    msPerStep: median(times),
    sample,
  };
}

async function read(
  waiting: readonly { step: number; loss: tf.Scalar; rate: tf.Tensor }[],
): Promise<StepRecord[]> {
  const values = tf.tidy(() => tf.stack(waiting.flatMap(({ loss, rate }) => [loss, rate])));
  const numbers = await values.data();
  tf.dispose([values, ...waiting.flatMap(({ loss, rate }) => [loss, rate])]);
  return waiting.map(({ step }, i) => ({
    step,
    loss: numbers[2 * i] as number,
    learningRate: numbers[2 * i + 1] as number,
  }));
}
