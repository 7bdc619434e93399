import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { asTensorOptimizer, bindState } from '@tfjs-lrm/core';
import { checkModel, show, treeOf, variableOf } from '@tfjs-lrm/core/kit';
import { AVERAGE, Averaging } from './averaging.ts';

/** The averages of a model's weights; weights that are not trained have none and stay as they are. */
function averagesOf(
  model: LayersModel,
  keepers: readonly Averaging[],
): Map<tf.Variable, tf.Tensor> {
  const averages = new Map<tf.Variable, tf.Tensor>();
  const lacking: string[] = [];
  for (const weight of model.weights) {
    const variable = variableOf(weight);
    const average = keepers.flatMap((keeper) => keeper.slots(variable).get(AVERAGE) ?? [])[0];
    if (average !== undefined) averages.set(variable, average);
    else if (model.trainableWeights.includes(weight)) lacking.push(weight.originalName);
  }
  if (lacking.length === 0) return averages;
  throw new Error(
    averages.size === 0
      ? 'withAverages: the weights must have averages. Received none: train beyond the step "start" first, on this model; where reparametrize is, put withAveraging around it.'
      : `withAverages: every trained weight must have an average. Received none of ${lacking.join(', ')}. Train all weights by the optimizer in withAveraging, or freeze these.`,
  );
}

/**
 * Runs a function while the model holds the averages of its weights, then restores the weights, also when the function
 * throws. Use it to evaluate, save or fold the averaged model.
 *
 * Weights that no optimizer trains, such as the statistics of batch normalisation, stay as they are.
 *
 * @param model trained by the optimizer
 * @param optimizer `withAveraging(…)`, or a stack with one inside
 * @param fn may be asynchronous; must not train the model
 * @returns what `fn` returns
 * @throws TypeError for something that is not a model or not a function; Error without averages
 * @example
 * const averaging = withAveraging(adam());
 * model.compile({ optimizer: averaging, loss: 'meanSquaredError' });
 * await model.fit(x, y, { verbose: 0 });
 * const deployed = await withAverages(model, averaging, () => foldMultipliers(model));
 */
export async function withAverages<T>(
  model: LayersModel,
  optimizer: tf.Optimizer,
  fn: () => T | Promise<T>,
): Promise<T> {
  checkModel('withAverages', model, 'withAverages(model, optimizer, () => model.evaluate(x, y))');
  if (typeof fn !== 'function') {
    throw new TypeError(
      `withAverages: the third argument must be a function. Received ${show(fn)}. Try () => model.evaluate(x, y).`,
    );
  }
  const keepers = treeOf(asTensorOptimizer(optimizer)).filter(
    (each): each is Averaging => (each as unknown) instanceof Averaging,
  );
  if (keepers.length === 0) {
    throw new Error(
      `withAverages: the optimizer must be withAveraging(…), or have one inside. Received ${optimizer.getClassName()}. Try withAveraging(optimizer).`,
    );
  }
  bindState(optimizer, model);
  const averages = averagesOf(model, keepers);
  const weights = [...averages].map(([variable, average]) => {
    const before = tf.keep(tf.clone(variable));
    variable.assign(average);
    return [variable, before] as const;
  });
  try {
    return await fn();
  } finally {
    for (const [variable, before] of weights) {
      if (!variable.isDisposed) variable.assign(before);
      before.dispose();
    }
  }
}
