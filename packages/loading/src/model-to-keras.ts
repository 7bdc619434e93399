import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkModel } from '@tfjs-lrm/core/kit';
import type { KerasLayer } from './keras/kinds.ts';

/** The newest version of Keras whose files this was tested with. */
const KERAS_VERSION = '3.15.1';

/**
 * A model as the bytes of a `.keras` file, which `keras.saving.load_model` of Keras 3 reads: the same layers, names and
 * weights. Its predictions are the same, and training can go on in Python. The state of the optimizer is not written.
 *
 * @param model a built model of layers that Keras has; `foldMultipliers` gives one
 * @returns the whole file
 * @throws TypeError for something that is not a model; RangeError for a layer or function that Keras lacks, or has with
 *   another meaning, such as the `hardSigmoid` of tfjs; Error where h5wasm is not installed
 * @example
 * const bytes = await modelToKeras(model); // in Node: await writeFile('model.keras', bytes)
 */
export async function modelToKeras(model: LayersModel): Promise<Uint8Array<ArrayBuffer>> {
  checkModel('modelToKeras', model, 'the one that you call fit of');
  const { writeArchive } = await import('./keras/write-archive.ts');
  // Copies, so that all values are from the same moment, whatever a step does while they are read.
  const copies = new Map(model.weights.map((weight) => [weight, tf.clone(weight.read())]));
  try {
    const topology = model.toJSON(null, false) as unknown as KerasLayer;
    return await writeArchive(topology, model, copies, KERAS_VERSION);
  } finally {
    tf.dispose([...copies.values()]);
  }
}
