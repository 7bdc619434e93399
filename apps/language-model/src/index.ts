/** The language model of the demo and of the web app. Nothing in here needs Node or a browser. */

export {
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  type Settings,
  splitDigest,
  type TextSource,
  VERSION,
} from './checkpoint.ts';
export { type Comparison, comparison } from './comparison.ts';
export {
  type Batch,
  type Corpus,
  charactersFor,
  decodeText,
  makeCorpus,
  nextBatch,
} from './corpus.ts';
export { graphModel } from './graph-model.ts';
export { logLines, logStep, readLog } from './log.ts';
export {
  languageModel,
  MIXERS,
  type Mixer,
  type ModelSize,
  mixerSizes,
} from './model/language-model.ts';
export { PLACEMENTS, type Placement, placedModel } from './model/placed-model.ts';
export { CHOICE, type Choice, PRESETS, type Preset, type PresetName } from './presets.ts';
export {
  bySeeds,
  type FinishedRun,
  type LoggedRun,
  matrixShapes,
  meanScale,
  verdict,
} from './results.ts';
export { scaleRecordOf } from './scale-record.ts';
export { grouped, mean, meanAndSpread, spread } from './statistics.ts';
export { batchTensors, evaluate } from './training/evaluate.ts';
export type { Finished, RunResult } from './training/finish.ts';
export { continuation, generate } from './training/generate.ts';
export type { StepRecord } from './training/losses.ts';
export {
  type Matrix,
  type Multipliers,
  matricesOf,
  multipliersOf,
  type Scale,
  scalesOf,
} from './training/matrix-scales.ts';
export { optimizerOf, scheduleOf } from './training/optimizer.ts';
export { DEFAULT_RECIPE, type OptimizerName, type Recipe } from './training/recipe.ts';
export { type ScaleBand, scaleBands } from './training/scale-bands.ts';
export type { Compile, RunSettings } from './training/settings.ts';
export type { RunState } from './training/state.ts';
export { type Minimize, minimizer, type TrainingStep } from './training/step.ts';
export { type Host, type Progress, type TrainOptions, train } from './training/train.ts';
export { lossFigure, trainingReport } from './training-report.ts';
