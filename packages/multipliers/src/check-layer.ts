import type { layers } from '@tensorflow/tfjs-layers';
import { isLayer, isModel, show } from '@tfjs-lrm/core/kit';

/** The class name of the wrapper. */
export const CLASS_NAME = 'LrmMultipliers';

/**
 * The value as a layer that can be wrapped.
 *
 * @throws TypeError for something other than a layer, for a model, and for a wrapped layer
 */
export function checkLayer(layer: unknown): layers.Layer {
  if (!isLayer(layer)) {
    throw new TypeError(
      `withMultipliers: the target must be a tf.layers.Layer. Received ${show(layer)}. Try withMultipliers(tf.layers.dense({ units: 8 })).`,
    );
  }
  if (isModel(layer)) {
    throw new TypeError(
      `withMultipliers: "${layer.name}" is a model. Try addMultipliers(model), which wraps its layers.`,
    );
  }
  if (layer.getClassName() === CLASS_NAME) {
    throw new TypeError(
      `withMultipliers: layer "${layer.name}" has multipliers already. Wrap the plain layer, once.`,
    );
  }
  return layer;
}
