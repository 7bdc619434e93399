import type * as tf from '@tensorflow/tfjs-core';
import { isWeight, layerOf, variableOf } from '@tfjs-lrm/core/kit';

type Part = Readonly<Record<string, unknown>>;

/**
 * True if a variable's layer, or the layer inside that wrapper, has an L2 regularizer for it, and `assignRoles` has seen
 * the layer. False for recurrent cells, whose losses tfjs never computes.
 */
export function hasL2(variable: tf.Variable): boolean {
  const layer: unknown = layerOf(variable);
  return layer !== null && isRegularizedIn(layer as Part, variable);
}

function isRegularizedIn(layer: Part, variable: tf.Variable): boolean {
  const isHere = Object.entries(layer).some(([key, value]) => {
    const name = key.match(/^(.+)Regularizer$/)?.[1];
    const { l2 } = (value ?? {}) as { l2?: unknown };
    if (name === undefined || !(Number(l2) > 0)) return false;
    // `kernel` has `kernelRegularizer`, and `depthwiseKernel` has `depthwiseRegularizer`.
    const weight = layer[name] ?? layer[`${name}Kernel`];
    return isWeight(weight) && variableOf(weight) === variable;
  });
  const { layer: inside } = layer;
  return (
    isHere ||
    (typeof inside === 'object' && inside !== null && isRegularizedIn(inside as Part, variable))
  );
}
