/** The names under which a file stores the weights of a model. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { isModel, type Rule, show } from '@tfjs-lrm/core/kit';

export type Weight = LayersModel['weights'][number];

/** Maps the model's name of a weight, such as `dense_1/kernel`, to its name in the file. */
export type NameOf = (name: string) => string;

export const nameRule: Rule = (value) =>
  typeof value === 'function'
    ? null
    : { must: 'be a function', try: "(name) => name.replaceAll('/', '.')" };

/**
 * The weights of a model by their names in the file. The model's name of a weight is the one that its layer gave it,
 * `originalName`, which is the same in every process.
 *
 * @throws TypeError for something that is not a model, or a name that is not a string; RangeError for a name of two
 *   weights
 */
export function weightsByName(
  where: string,
  model: LayersModel,
  nameOf: NameOf = (name) => name,
): Map<string, Weight> {
  if (!isModel(model)) {
    throw new TypeError(
      `${where}: the model must be a tf.LayersModel. Received ${show(model)}. Try the one that you call fit of.`,
    );
  }
  const weights = new Map<string, Weight>();
  for (const weight of model.weights) {
    const name: unknown = nameOf(weight.originalName);
    if (typeof name !== 'string') {
      throw new TypeError(
        `${where}: "name" must return a text. Received ${show(name)} for ${show(weight.originalName)}. Try (name) => name.`,
      );
    }
    if (weights.has(name)) {
      throw new RangeError(
        `${where}: each weight must have a name of its own. Received ${show(name)} for two of them. Give the layers other names, or the option "name".`,
      );
    }
    weights.set(name, weight);
  }
  return weights;
}
