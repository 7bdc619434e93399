import type { LayersModel } from '@tensorflow/tfjs-layers';
import { isLayer, isModel, show } from '@tfjs-lrm/core/kit';

/**
 * Rejects anything that has no layers to copy, and suggests what to load or call instead.
 *
 * @throws TypeError for a layer, a tf.GraphModel, a model without layers, and anything else
 */
export function checkModel(where: string, model: unknown): asserts model is LayersModel {
  if (isModel(model)) {
    const outputs: unknown[] | undefined = model.outputs;
    if (outputs !== undefined && outputs.length > 0) return;
    throw new TypeError(`${where}: model "${model.name}" has no layers yet. Add its layers first.`);
  }
  if (isLayer(model)) {
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
  throw new TypeError(
    `${where}: the target must be a tf.LayersModel. Received ${show(model)}. Try ${where}(await tf.loadLayersModel(url)).`,
  );
}
