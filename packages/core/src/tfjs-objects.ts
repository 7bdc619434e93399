import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';

/**
 * True for a `tf.Variable` from any copy of tfjs, but not for a plain tensor.
 *
 * @example
 * isVariable(tf.ones([2])); // false
 */
export function isVariable(value: unknown): value is tf.Variable {
  return value instanceof tf.Variable;
}

/**
 * True for a `tf.LayersModel`, nested or not, from any copy of tfjs-layers.
 *
 * @example
 * isModel(model.layers[0]); // false, unless the first layer is itself a model
 */
export function isModel(value: unknown): value is LayersModel {
  return (
    typeof value === 'object' &&
    value !== null &&
    'layers' in value &&
    'trainableWeights' in value &&
    typeof (value as { predict?: unknown }).predict === 'function'
  );
}

/**
 * The `tf.Variable` behind a layer's weight. Assigning to it bypasses the weight's constraint.
 *
 * @example
 * const kernel = variableOf(model.weights[0]);
 */
export function variableOf(weight: LayerVariable): tf.Variable {
  return weight.read() as tf.Variable;
}
