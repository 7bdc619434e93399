import type * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { variableOf } from './tfjs-objects.ts';

// On globalThis, as the roles are.
const STORE: unique symbol = Symbol.for('tfjs-lrm/layers');
const shared = globalThis as { [STORE]?: WeakMap<tf.Variable, layers.Layer> };
shared[STORE] ??= new WeakMap();
const holders: WeakMap<tf.Variable, layers.Layer> = shared[STORE];

/**
 * The layer that holds a variable, which the variable itself does not know; null if `assignRoles` has not seen the
 * layer.
 *
 * @example
 * assignRoles(model);
 * layerOf(kernel); // the layer "router"
 */
export function layerOf(variable: tf.Variable): layers.Layer | null {
  return holders.get(variable) ?? null;
}

/** Records a layer as the holder of its variables, for `layerOf`. */
export function noteLayer(layer: layers.Layer): void {
  for (const weight of layer.weights) holders.set(variableOf(weight), layer);
}
