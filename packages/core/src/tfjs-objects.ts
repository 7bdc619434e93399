import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';

/**
 * True for a `tf.Variable`, of whichever copy of tfjs. A plain tensor is not one.
 *
 * @example
 * isVariable(tf.ones([2])); // false
 */
export function isVariable(value: unknown): value is tf.Variable {
  return value instanceof tf.Variable;
}

/**
 * True for a `tf.LayersModel`, nested ones included, of whichever copy of tfjs-layers.
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
 * The `tf.Variable` behind a layer's weight, which may be assigned past the weight's constraint.
 *
 * @example
 * const kernel = variableOf(model.weights[0]);
 */
export function variableOf(weight: LayerVariable): tf.Variable {
  return weight.read() as tf.Variable;
}
