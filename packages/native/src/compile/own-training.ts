/** Warns of a model that trains in a loop of its own, past the methods that compileModel replaces. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { isSequential, tfjsLayers } from './internals.ts';

const METHODS = ['fit', 'fitDataset', 'trainOnBatch'] as const;
type Method = (...args: unknown[]) => unknown;

/** The training steps that compileModel has taken, and whether one is running. */
export interface StepCounter {
  readonly count: number;
  readonly isRunning: boolean;
}

/**
 * Replaces the training methods that the class of a model has overridden by ones that warn, once, when a step goes
 * past `steps`. The returned function takes that back.
 */
export function warnOfOwnTraining(model: LayersModel, steps: StepCounter): () => void {
  const tfjs = tfjsLayers();
  const stock = (isSequential(model) ? tfjs?.Sequential : tfjs?.LayersModel)?.prototype;
  const overridden = METHODS.filter((name) => stock !== undefined && model[name] !== stock[name]);
  let hasWarned = false;

  function warn(name: string): void {
    if (hasWarned) return;
    hasWarned = true;
    console.warn(
      `compileModel: ${name} of ${model.constructor.name} trains in a loop of its own, of which nothing is recorded. ` +
        `Try compile(…) of @tfjs-lrm/native around the step that it takes, or the ${name} of tf.LayersModel.`,
    );
  }

  const target = model as unknown as Record<string, Method>;
  for (const name of overridden) {
    const own = model[name].bind(model) as Method;
    target[name] = (...args) => {
      const before = steps.count;
      const release = onGradients(model.optimizer, () => {
        if (!steps.isRunning) warn(name);
      });
      const end = (): void => {
        release();
        if (steps.count === before) warn(name);
      };
      let result: unknown;
      try {
        result = own(...args);
      } catch (error) {
        release();
        throw error;
      }
      if (!(result instanceof Promise)) {
        end();
        return result;
      }
      // A training that fails reports its own error.
      result.then(end, release);
      return result;
    };
  }
  return () => {
    for (const name of overridden) Reflect.deleteProperty(model, name);
  };
}

/** Calls `listener` before an optimizer applies gradients, until the returned function is called. */
function onGradients(optimizer: tf.Optimizer | null | undefined, listener: () => void): () => void {
  if (optimizer == null) return () => {};
  const apply = optimizer.applyGradients;
  optimizer.applyGradients = function (...args) {
    listener();
    return apply.apply(this, args);
  };
  return () => {
    Reflect.deleteProperty(optimizer, 'applyGradients');
  };
}
