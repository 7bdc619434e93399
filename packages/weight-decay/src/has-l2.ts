import type * as tf from '@tensorflow/tfjs-core';
import { isWeight, layerOf, variableOf } from '@tfjs-lrm/core/kit';

type Part = Readonly<Record<string, unknown>>;

/**
 * True where a variable's layer, or the layer inside that wrapper, has an L2 regularizer for it, as far as `assignRoles`
 * has seen the layer. Not those of recurrent cells: tfjs never asks for their losses.
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
    // The one of `kernel` is `kernelRegularizer`, that of `depthwiseKernel` is `depthwiseRegularizer`.
    const weight = layer[name] ?? layer[`${name}Kernel`];
    return isWeight(weight) && variableOf(weight) === variable;
  });
  const { layer: inside } = layer;
  return (
    isHere ||
    (typeof inside === 'object' && inside !== null && isRegularizedIn(inside as Part, variable))
  );
}
