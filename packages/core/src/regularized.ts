import type * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { variableOf } from './tfjs-objects.ts';

// On globalThis, as the roles are.
const STORE: unique symbol = Symbol.for('tfjs-lrm/regularized');
const shared = globalThis as { [STORE]?: WeakSet<tf.Variable> };
shared[STORE] ??= new WeakSet();
const regularized: WeakSet<tf.Variable> = shared[STORE];

/** True where `assignRoles` saw that the variable's layer has an L2 regularizer for it. */
export function hasL2(variable: tf.Variable): boolean {
  return regularized.has(variable);
}

type Part = Record<string, unknown>;

/**
 * Notes the variables of a built layer, or of the layer inside a wrapper, that have an L2 regularizer. Not
 * those of recurrent cells: tfjs never asks for their losses.
 */
export function noteL2(layer: object): void {
  const part = layer as Part;
  for (const [key, value] of Object.entries(part)) {
    const name = key.match(/^(.+)Regularizer$/)?.[1];
    const { l2 } = (value ?? {}) as { l2?: unknown };
    if (name === undefined || !(Number(l2) > 0)) continue;
    // The one of `kernel` is `kernelRegularizer`, that of `depthwiseKernel` is `depthwiseRegularizer`.
    const weight = (part[name] ?? part[`${name}Kernel`]) as LayerVariable | null | undefined;
    if (weight != null) regularized.add(variableOf(weight));
  }
  if (typeof part['layer'] === 'object' && part['layer'] !== null) noteL2(part['layer']);
}
