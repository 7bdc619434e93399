import * as tf from '@tensorflow/tfjs-core';
import { assignRoles, learningRateOf } from '@tfjs-lrm/core';
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { Failure } from '../mistake.ts';
import { languageModel } from '../model/language-model.ts';
import type { RunSettings } from '../settings.ts';
import { type Corpus, nextBatch } from '../text.ts';
import { batchTensors, evaluate } from './evaluate.ts';
import { finish, type RunResult } from './finish.ts';
import { optimizerOf, scheduleOf } from './optimizer.ts';
import { type Scale, scalesOf } from './scales.ts';
import { putState, type RunState, takeState } from './state.ts';
import { trainingStep } from './step.ts';

/** What is known after a step. Losses are nats a character. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly validationLoss?: number;
  /** Root mean square of each matrix after the step. */
  readonly scales?: Readonly<Record<string, Scale>>;
}

export interface Progress {
  readonly records: readonly StepRecord[];
  /** The latest one; null before the first evaluation. */
  readonly validationLoss: number | null;
  readonly msPerStep: number;
  /** Where a run can go on from, after the last of the records. */
  readonly state?: RunState;
}

export interface TrainOptions {
  /** Where to go on; from the start where it is null. */
  readonly from: RunState | null;
  /** A state is reported every so many steps, and every 20 seconds. */
  readonly checkpointEvery: number;
  /** The folder for the folded model. */
  readonly modelFolder: string;
  readonly report: (progress: Progress) => void;
  /** True when the run shall stop at the next step. */
  readonly isStopping: () => boolean;
}

const REPORT_EVERY = 10;
const EVALUATE_EVERY = 50;
const CHECKPOINT_MS = 20_000;
const QUICK_BATCHES = 8;
const FINAL_BATCHES = 40;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Lets messages in; without it a loop of synchronous steps would hear nothing. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * One run: trains, reports every ten steps, evaluates every fifty, and ends with the loss over all
 * validation batches, a sample of text and the folded model.
 *
 * @returns null when it was stopped
 * @throws Failure when a loss or a weight is not finite
 */
export async function train(
  settings: RunSettings,
  corpus: Corpus,
  options: TrainOptions,
): Promise<RunResult | null> {
  const { preset, multipliers, seed } = settings;
  const { from, report } = options;
  const model = languageModel(preset, corpus.vocabulary.length, multipliers, seed);
  assignRoles(model);
  const optimizer = optimizerOf(settings, scheduleOf(preset.steps, settings));
  if (from !== null) await putState(model, optimizer, from);
  const random = from === null ? xoroshiro128plus(seed) : xoroshiro128plusFromState(from.random);
  const rate = learningRateOf(optimizer, model.trainableWeights[0]?.read() as tf.Variable);
  const taking = await trainingStep(model, optimizer, settings.compile);
  const free = (): void => {
    taking.dispose();
    optimizer.dispose();
    model.dispose();
  };
  const times: number[] = [];
  let waiting: { step: number; loss: tf.Scalar; rate: tf.Tensor }[] = [];
  let validationLoss = from?.validationLoss ?? null;
  let saved = performance.now();

  for (let step = from?.step ?? 0; step < preset.steps; step++) {
    const began = performance.now();
    const batch = nextBatch(corpus.training, preset.batch, preset.context, random);
    const [x, y] = batchTensors(batch, preset);
    waiting.push({ step, loss: taking.take(x, y), rate: tf.clone(rate) });
    tf.dispose([x, y]);
    const done = step + 1;
    const isLast = done === preset.steps;
    await breathe();
    const saves =
      isLast ||
      done % options.checkpointEvery === 0 ||
      performance.now() - saved > CHECKPOINT_MS ||
      options.isStopping();
    const reports = isLast || done % REPORT_EVERY === 0;
    // Losses are read every ten steps: reading one waits for the device.
    const records = reports || saves ? await read(waiting, settings) : [];
    times.push(performance.now() - began);
    if (records.length === 0) continue;
    waiting = [];
    const last = records.at(-1) as StepRecord;
    const extra: { -readonly [K in keyof StepRecord]?: StepRecord[K] } = {};
    // Both depend on the step alone, so that a run that was interrupted keeps the same log.
    if (reports) extra.scales = scalesOf(model);
    if (isLast || done % EVALUATE_EVERY === 0) {
      const count = isLast ? FINAL_BATCHES : QUICK_BATCHES;
      validationLoss = await evaluate(model, corpus, preset, count);
      extra.validationLoss = validationLoss;
    }
    records[records.length - 1] = { ...last, ...extra };
    const progress = { records, validationLoss, msPerStep: median(times) };
    if (!saves) {
      report(progress);
      continue;
    }
    const rest = { step: done, random: random.getState(), validationLoss };
    report({ ...progress, state: await takeState(model, optimizer, rest) });
    saved = performance.now();
    if (!isLast && options.isStopping()) {
      free();
      return null;
    }
  }
  const { modelFolder } = options;
  const result = await finish(model, corpus, { settings, modelFolder });
  free();
  return { ...result, validationLoss: validationLoss ?? Number.NaN, msPerStep: median(times) };
}

/** @throws Failure for a loss that is not finite */
async function read(
  waiting: readonly { step: number; loss: tf.Scalar; rate: tf.Tensor }[],
  settings: RunSettings,
): Promise<StepRecord[]> {
  const values = tf.tidy(() => tf.stack(waiting.flatMap(({ loss, rate }) => [loss, rate])));
  const numbers = await values.data();
  tf.dispose([values, ...waiting.flatMap(({ loss, rate }) => [loss, rate])]);
  const records = waiting.map(({ step }, i) => ({
    step,
    loss: numbers[2 * i] as number,
    learningRate: numbers[2 * i + 1] as number,
  }));
  const bad = records.find(({ loss }) => !Number.isFinite(loss));
  if (bad !== undefined)
    throw new Failure(
      `the loss of step ${bad.step} is ${bad.loss}, at a learning rate of ${bad.learningRate.toPrecision(3)}, on ${settings.backend}`,
    );
  return records;
}
