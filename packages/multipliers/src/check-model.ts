import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkLayers, isLayer, isModel } from '@tfjs-lrm/core/kit';

/**
 * Rejects anything that has no layers to copy, and suggests what to load or call instead.
 *
 * @throws TypeError for a layer, a tf.GraphModel, a model without layers, and anything else
 */
export function checkModel(where: string, model: unknown): asserts model is LayersModel {
  if (isLayer(model) && !isModel(model)) {
    throw new TypeError(
      `${where}: "${model.name}" is a layer, not a model. Try ${where}(tf.sequential({ layers: [layer] })), or withMultipliers(layer) to wrap it alone.`,
    );
  }
  const { executeAsync } = (model ?? {}) as { executeAsync?: unknown };
  if (typeof executeAsync === 'function') {
    throw new TypeError(
      `${where}: a tf.GraphModel consists of operations and has no layers to wrap. Convert the Keras model that it was made from with tensorflowjs_converter --input_format=keras --output_format=tfjs_layers_model, and load it with tf.loadLayersModel.`,
    );
  }
  checkLayers(where, model, `${where}(await tf.loadLayersModel(url))`);
}
