import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { booleanRule, checkModel, checkOptions } from '@tfjs-lrm/core/kit';
import { type CompiledStep, compile } from './compile.ts';
import {
  type Batch,
  type BatchMethods,
  type BatchModel,
  engine,
  isSequential,
  type SequentialModel,
} from './internals.ts';
import { COMPILE_RULES, type CompileOptions, checkPrecision } from './options.ts';
import { warnOfOwnTraining } from './own-training.ts';

/** A model whose steps are compiled. */
export interface CompiledModel {
  /** How many functions have been recorded, for training, evaluation and prediction together. */
  readonly traces: number;
  /** Removes the functions; the model is as it was before. */
  dispose(): void;
}

/** How the steps of a model become functions of TensorFlow. */
export interface CompileModelOptions extends CompileOptions {
  /**
   * Whether `predict` is recorded too. Each length of a text is a shape of its own: where a model writes text that
   * grows, and padding it to one length would change the outputs, predictions are better not recorded.
   */
  readonly predict?: boolean | undefined;
}

type Step = CompiledStep<Batch, tf.Tensor[]>;

/**
 * Makes `fit`, `fitDataset`, `trainOnBatch`, `evaluate` and `predict` of a model run one TensorFlow function per batch.
 * Callbacks, metrics, validation, class weights and `stopTraining` work as before. Functions are kept from one `fit` to
 * the next, and recorded again after `model.compile`.
 *
 * A model that overrides `fit`, `fitDataset` or `trainOnBatch` and takes its steps itself is warned of: those are not
 * recorded.
 *
 * @param options xla: whether XLA compiles the functions (false); precision: of matrix products ('float32'); predict:
 *   whether predictions are recorded too (true)
 * @throws TypeError for something that is not a model; Error for a model without layers, and for one that is compiled
 *   already. What a step must not do, see `compile`, is an error in the first two batches.
 * @example
 * await tf.setBackend('tensorflow');
 * const compiled = compileModel(model);
 * await model.fit(x, y, { epochs: 2 });
 * compiled.dispose();
 */
export function compileModel(model: LayersModel, options: CompileModelOptions = {}): CompiledModel {
  checkOptions('compileModel', options, { ...COMPILE_RULES, predict: booleanRule(true) });
  checkPrecision('compileModel', options);
  const { predict = true, ...compileOptions } = options;
  const first = innerModel(model);
  if (Object.hasOwn(first, 'makeTrainFunction')) {
    throw new Error(
      `compileModel: the model "${model.name}" is compiled already. Try to dispose what the first call returned.`,
    );
  }
  const steps = new Map<string, Step>();
  const training = { count: 0, isRunning: false };
  /** Recordings of steps that can be freed. */
  let formerTraces = 0;
  /** The optimizer of the compiled training step. */
  let trainer: tf.Optimizer | null = null;
  let detach = attach(first);

  /** A compiled step by name, created when first needed. */
  function stepOf(name: string, make: () => (...batch: Batch) => tf.Tensor[]): Step {
    let step = steps.get(name);
    if (step === undefined) {
      step = compile(make(), compileOptions);
      steps.set(name, step);
    }
    return step;
  }

  function forget(...names: readonly string[]): void {
    for (const name of names.length > 0 ? names : [...steps.keys()]) {
      formerTraces += steps.get(name)?.traces ?? 0;
      steps.get(name)?.dispose();
      steps.delete(name);
    }
  }

  /** Overrides the methods of a model; the returned function takes that back. */
  function attach(target: BatchModel): () => void {
    const methods: BatchMethods = {
      makeTrainFunction() {
        const train = original.makeTrainFunction();
        return (data) => {
          // Meanwhile another optimizer may have been set, or a callback may have called model.compile.
          if (trainer !== target.optimizer) forget('train');
          trainer = target.optimizer;
          training.count += 1;
          training.isRunning = true;
          try {
            const step = stepOf('train', () => takingList(train));
            return step(...data.map((tensor) => tensor ?? null));
          } finally {
            training.isRunning = false;
          }
        };
      },
      makeTestFunction() {
        original.makeTestFunction();
        const test = target.testFunction;
        target.testFunction = (data) => stepOf('test', () => takingList(test))(...data);
        return target.testFunction;
      },
      predictLoop(inputs, batchSize = 32) {
        // A function of TensorFlow has no gradient.
        if (!predict || engine().state.gradientDepth > 0) {
          return original.predictLoop(inputs, batchSize);
        }
        const run = (batch: Batch): tf.Tensor[] =>
          [original.predictLoop(batch as tf.Tensor[], sizeOf(batch))].flat();
        return inBatches(inputs, batchSize, (batch) =>
          stepOf('predict', () => takingList(run))(...batch),
        );
      },
      compile(...args) {
        original.compile(...args);
        forget();
      },
    };
    const names = Object.keys(methods) as (keyof BatchMethods)[];
    const original = Object.fromEntries(
      names.map((name) => [name, target[name].bind(target)]),
    ) as unknown as BatchMethods;
    Object.assign(target, methods);
    return () => {
      for (const name of names) Reflect.deleteProperty(target, name);
    };
  }

  const undoWarning = warnOfOwnTraining(model, training);
  const undoReplacement = onReplacement(model, first, (next) => {
    detach();
    forget();
    detach = attach(next);
  });
  return {
    get traces() {
      return [...steps.values()].reduce((sum, step) => sum + step.traces, formerTraces);
    },
    dispose() {
      forget();
      detach();
      undoReplacement();
      undoWarning();
    },
  };
}

const sizeOf = (batch: Batch): number => (batch[0] as tf.Tensor).shape[0] as number;

const takingList =
  (step: (batch: Batch) => tf.Tensor[]) =>
  (...batch: Batch): tf.Tensor[] =>
    step(batch);

/** A Sequential creates a new inner model whenever it is compiled or gets another layer. */
function onReplacement(
  model: LayersModel,
  first: BatchModel,
  replaced: (next: BatchModel) => void,
): () => void {
  if ((model as unknown) === first) return () => {};
  let inner = first;
  const property = { enumerable: true, configurable: true };
  Object.defineProperty(model, 'model', {
    ...property,
    get: () => inner,
    set(next: BatchModel) {
      inner = next;
      if (next != null) replaced(next);
    },
  });
  return () => {
    Object.defineProperty(model, 'model', { ...property, writable: true, value: inner });
  };
}

/** Runs a step on pieces of the inputs along their first axis, and joins what it returns. */
function inBatches(
  inputs: tf.Tensor | tf.Tensor[],
  size: number,
  step: (batch: tf.Tensor[]) => tf.Tensor[],
): tf.Tensor | tf.Tensor[] {
  const all = [inputs].flat();
  const total = sizeOf(all);
  return tf.tidy(() => {
    const pieces: tf.Tensor[][] = [];
    for (let from = 0; from < total; from += size) {
      const length = Math.min(size, total - from);
      const batch = length === total ? all : all.map((x) => tf.slice(x, from, length));
      pieces.push(step(batch));
    }
    const outputs = (pieces[0] as tf.Tensor[]).map((first, i) =>
      pieces.length === 1 ? first : tf.concat(pieces.map((piece) => piece[i] as tf.Tensor)),
    );
    return outputs.length === 1 ? (outputs[0] as tf.Tensor) : outputs;
  });
}

/** The model that runs batches: a Sequential delegates to an inner one. */
function innerModel(model: LayersModel): BatchModel {
  checkModel('compileModel', model, 'the one that you call fit of');
  const candidate = model as unknown as BatchModel & SequentialModel;
  if (!isSequential(model)) return candidate;
  // With an input shape it has inputs, although the inner model may not exist yet.
  if (candidate.model == null && model.inputs?.length > 0) model.build(undefined as never);
  if (candidate.model != null) return candidate.model;
  throw new Error(
    'compileModel: a tf.sequential must have its layers and an input shape. Received one that is not built. Try to add the layers, and an inputShape to the first.',
  );
}
