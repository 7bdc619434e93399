/** Writes the values of a file into the weights of a model, once all of them are checked. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { variableOf } from '@tfjs-lrm/core/kit';
import type { Assignment } from './assignment.ts';
import { checkNeeds } from './check-weights.ts';
import { explained } from './load-error.ts';

/**
 * @param specs all values that the data holds; checked against it
 * @param assignment those that are for the weights of the model
 * @param strict whether there must be one for each weight, and no other
 * @returns all values by name, for the caller to dispose of
 * @throws RangeError naming the weight, before any has changed
 */
export function fillWeights(
  model: LayersModel,
  specs: readonly tf.io.WeightsManifestEntry[],
  data: ArrayBuffer[],
  assignment: Assignment,
  strict: boolean,
): tf.NamedTensorMap {
  checkNeeds(model, assignment, strict);
  const values = explained('the weights', specs, () => tf.io.decodeWeights(data, [...specs]));
  for (const { spec, target } of assignment.assigned) {
    // Not by `write` of the weight, which would apply its constraint to the saved value.
    if (target !== undefined) variableOf(target).assign(values[spec.name] as tf.Tensor);
  }
  return values;
}
