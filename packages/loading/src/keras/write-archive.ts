/** Writes `.keras` files. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { strToU8, zipSync } from 'fflate';
import type { Values } from './hdf5.ts';
import type { KerasLayer } from './kinds.ts';
import { slotsOf } from './structure.ts';
import { toKeras } from './to-keras.ts';
import { hdf5Of } from './write-hdf5.ts';

/** Keras' own form of a time: `2026-11-29@05:07:25`. */
const timeOf = (date: Date): string => date.toISOString().slice(0, 19).replace('T', '@');

/**
 * @param topology of tfjs
 * @param tensors the values of the weights
 * @throws RangeError for a layer or function that Keras lacks
 */
export async function writeArchive(
  topology: KerasLayer,
  model: LayersModel,
  tensors: ReadonlyMap<LayerVariable, tf.Tensor>,
  version: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const config = toKeras(topology, model);
  const slots = slotsOf(config, model);
  const stored = await Promise.all(
    slots.map(async ({ dataset, weight }) => {
      const tensor = tensors.get(weight) as tf.Tensor;
      return { path: dataset, shape: tensor.shape, values: (await tensor.data()) as Values };
    }),
  );
  const metadata = { keras_version: version, date_saved: timeOf(new Date()) };
  const files = {
    'metadata.json': strToU8(JSON.stringify(metadata)),
    'config.json': strToU8(JSON.stringify(config)),
    'model.weights.h5': await hdf5Of(stored),
  };
  // Stored, as by Keras, which then reads the weights in place.
  return zipSync(files, { level: 0 });
}
