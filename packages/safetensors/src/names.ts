/** The names under which a file stores the weights of a model. */
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { type Rule, show } from '@tfjs-lrm/core/kit';
import { kerasPaths } from './keras-paths.ts';

/** Maps the model's name of a weight, such as `dense_1/kernel`, to its name in the file. */
export type NameOf = (name: string) => string;

const TRY = "(name) => name.replaceAll('/', '.')";

export const functionRule: Rule = (value) =>
  typeof value === 'function' ? null : { must: 'be a function', try: TRY };

export const nameRule: Rule = (value) =>
  typeof value === 'function' || value === 'keras'
    ? null
    : { must: "be a function or 'keras'", try: TRY };

function namer(model: LayersModel, name: NameOf | 'keras'): (weight: LayerVariable) => unknown {
  if (name !== 'keras') return ({ originalName }) => name(originalName);
  const paths = kerasPaths(model);
  return (weight) => paths.get(weight) ?? weight.originalName;
}

/**
 * The weights of a model by their names in the file. The model's name of a weight is the one that its layer gave it,
 * `originalName`, which is the same in every process.
 *
 * @param name from that name to the file's, or `keras` for the paths of Keras
 * @throws TypeError for a name that is not a string; RangeError for a name of two weights
 */
export function weightsByName(
  where: string,
  model: LayersModel,
  name: NameOf | 'keras' = (own) => own,
): Map<string, LayerVariable> {
  const nameOf = namer(model, name);
  const weights = new Map<string, LayerVariable>();
  // A layer that is called twice can come twice.
  for (const weight of new Set(model.weights)) {
    const key = nameOf(weight);
    if (typeof key !== 'string') {
      throw new TypeError(
        `${where}: "name" must return a text. Received ${show(key)} for ${show(weight.originalName)}. Try (name) => name.`,
      );
    }
    if (weights.has(key)) {
      throw new RangeError(
        `${where}: each weight must have a name of its own. Received ${show(key)} for two of them. Give the layers other names, or the option "name".`,
      );
    }
    weights.set(key, weight);
  }
  return weights;
}
