import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles, learningRateOf } from '@tfjs-lrm/core';
import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { type Corpus, nextBatch } from '../corpus.ts';
import { placedModel } from '../model/placed-model.ts';
import { batchTensors, evaluate } from './evaluate.ts';
import { type Finished, finish, type RunResult } from './finish.ts';
import { Losses, type StepRecord } from './losses.ts';
import { type Multipliers, matricesOf, multipliersOf, scalesOf } from './matrix-scales.ts';
import { mupFrom } from './mup-from.ts';
import { optimizerOf, scheduleOf } from './optimizer.ts';
import { originsOf } from './origins.ts';
import type { Compile, RunSettings } from './settings.ts';
import { putState, type RunState, takeState } from './state.ts';
import type { TrainingStep } from './step.ts';

export interface Progress {
  readonly records: readonly StepRecord[];
  /** The latest one; null before the first evaluation. */
  readonly validationLoss: number | null;
  readonly msPerStep: number;
  /** After the last of the records, every ten steps. */
  readonly multipliers?: Multipliers;
  /** Where a run can go on from, after the last of the records. */
  readonly state?: RunState;
}

/** What a run needs of the program that it is part of. */
export interface Host {
  /** The training step, as one function where the program can compile it. */
  readonly step: (
    model: LayersModel,
    optimizer: tf.Optimizer,
    how: Compile,
  ) => Promise<TrainingStep>;
  /** Called before each step: lets messages in, may use the model, and may wait. */
  readonly between: (model: LayersModel) => Promise<void>;
}

export interface TrainOptions {
  readonly host: Host;
  /** Where to go on; null for the start. */
  readonly from: RunState | null;
  /** A state is reported every so many steps, and every 20 seconds. */
  readonly checkpointEvery: number;
  readonly report: (progress: Progress) => void;
  /** Receives the folded model at the end, before it is disposed. */
  readonly keep: Finished;
  /** True when the state is to be reported after the step that it is in. */
  readonly isSaving?: () => boolean;
  /** True when the run is to stop after the step that it is in, with its state reported. */
  readonly isStopping: () => boolean;
}

const REPORT_EVERY = 10;
const EVALUATE_EVERY = 50;
const CHECKPOINT_MS = 20_000;
const QUICK_BATCHES = 8;
const FINAL_BATCHES = 40;

/**
 * The training loop of one run: reports every ten steps, evaluates every fifty, and ends with the loss over all
 * validation batches, a sample of text and the folded model. `examples/language-model.js` is the same without reports,
 * checkpoints and evaluations.
 *
 * @returns null when it was stopped
 * @throws Failure when a loss or a weight is not finite
 */
export async function train(
  settings: RunSettings,
  corpus: Corpus,
  options: TrainOptions,
): Promise<RunResult | null> {
  const { preset, multipliers, placement = 'full', seed } = settings;
  const { steps, batch, context } = preset;
  const { from, report, host, isStopping, isSaving = () => false } = options;
  const model = placedModel(preset, corpus.vocabulary.length, multipliers ? placement : null, seed);
  assignRoles(model);
  const optimizer = optimizerOf(settings, scheduleOf(steps, settings));
  mupFrom(model, optimizer, settings, corpus.vocabulary.length);
  const origins = await originsOf(model, optimizer);
  if (from !== null) await putState(model, optimizer, from);
  const random = from === null ? xoroshiro128plus(seed) : xoroshiro128plusFromState(from.random);
  const rate = learningRateOf(optimizer, model.trainableWeights[0]?.read() as tf.Variable);
  const training = await host.step(model, optimizer, settings.compile);
  const losses = new Losses(settings.backend);
  let validationLoss = from?.validationLoss ?? null;
  let savedAt = performance.now();

  try {
    for (let done = from?.step ?? 0; done < steps; ) {
      await host.between(model);
      losses.begin();
      const [x, y] = batchTensors(nextBatch(corpus.training, batch, context, random), preset);
      losses.add(done, training.take(x, y), rate);
      tf.dispose([x, y]);
      done++;
      const isLast = done === steps;
      const isReport = isLast || done % REPORT_EVERY === 0;
      const isEvaluation = isLast || done % EVALUATE_EVERY === 0;
      const isCheckpoint =
        isLast ||
        done % options.checkpointEvery === 0 ||
        performance.now() - savedAt > CHECKPOINT_MS ||
        isSaving() ||
        isStopping();
      if (!isReport && !isCheckpoint) {
        losses.end();
        continue;
      }
      const records = await losses.read();
      losses.end();
      if (isEvaluation)
        validationLoss = await evaluate(
          model,
          corpus,
          preset,
          isLast ? FINAL_BATCHES : QUICK_BATCHES,
        );
      const matrices = isReport ? await matricesOf(model) : null;
      // Both depend on the step alone, so that an interrupted run keeps the same log.
      const last = {
        ...(records.at(-1) as StepRecord),
        ...(matrices && { scales: scalesOf(matrices) }),
        ...(isEvaluation && { validationLoss: validationLoss as number }),
      };
      const progress = {
        records: [...records.slice(0, -1), last],
        validationLoss,
        msPerStep: losses.msPerStep,
        ...(matrices && { multipliers: multipliersOf(matrices) }),
      };
      if (!isCheckpoint) {
        report(progress);
        continue;
      }
      const position = { step: done, random: random.getState(), validationLoss };
      report({ ...progress, state: await takeState(model, optimizer, position) });
      savedAt = performance.now();
      if (!isLast && isStopping()) return null;
    }
    const result = await finish(model, corpus, settings, options.keep);
    return {
      ...result,
      origins,
      validationLoss: validationLoss ?? Number.NaN,
      msPerStep: losses.msPerStep,
    };
  } finally {
    training.dispose();
    optimizer.dispose();
    model.dispose();
  }
}
