import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkModel, checkOptions } from '@tfjs-lrm/core/kit';
import { checkSpecs, isSlot } from './check-weights.ts';
import { fillWeights } from './fill-weights.ts';
import { inNameOf } from './load-error.ts';
import { type LoadModelOptions, RULES } from './options.ts';
import { read } from './read-model.ts';
import type { ModelSource } from './source.ts';
import { buffersOf } from './weight-data.ts';

function checkWeights(model: LayersModel): void {
  checkModel('loadWeights', model, 'the one that you call predict of');
  if (model.weights.length === 0) {
    throw new RangeError(
      `loadWeights: the model must have weights. Received ${model.layers.length} layers without any. Add a layer with weights first.`,
    );
  }
}

/**
 * Loads the weights of a file into a model that exists: those of a `.weights.h5` file of Keras, or of a whole model.
 * All of them are checked first; a file that is rejected changes nothing.
 *
 * Keras stores weights by the place of their layer, as in `layers/dense_1/vars/0`: its class, and its number among the
 * layers of that class. A layer that was given the name of one in the file takes the weights of that one, wherever it is.
 *
 * @param model a built model, with multipliers or without
 * @param source a path, URL, `File` or bytes of a `.weights.h5`, `.h5` or `.keras` file, or a `model.json` or a handler
 *   of tfjs
 * @param options as of `loadModel`: with `strict: false`, true by default, weights that the file lacks keep their
 *   values, and superfluous ones are ignored
 * @throws RangeError that names the weight, and the nearest one, where names or shapes differ; what `loadModel` throws for
 *   a file that is damaged
 * @example
 * // A file of model.save_weights in Python, or of modelToKeras here.
 * await loadWeights(model, new File([await modelToKeras(model)], 'model.keras'));
 */
export async function loadWeights(
  model: LayersModel,
  source: ModelSource,
  options: LoadModelOptions = {},
): Promise<void> {
  checkOptions('loadWeights', options, RULES);
  checkWeights(model);
  const { strict = true } = options;
  await inNameOf('loadWeights', async () => {
    const { artifacts, assign } = await read(source, options);
    const { weightData, weightSpecs } = artifacts;
    if (weightData == null) {
      throw new TypeError(
        'loadModel: the file must hold weights. Received a topology alone. Save the model with its weights.',
      );
    }
    const { structureOf } = await import('./keras/own-structure.ts');
    const specs: unknown = weightSpecs;
    const buffers = buffersOf(weightData);
    checkSpecs(specs, buffers, strict);
    const weights = specs.filter((spec) => !isSlot(spec));
    const assignment = assign(structureOf(model), model, weights);
    tf.dispose(fillWeights(model, specs, buffers, assignment, strict));
  });
}
