/** A copy of one layer, created from its configuration, without weights yet. */
import type * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { isLayer, labelOf } from '@tfjs-lrm/core/kit';
import { layerToConfig } from './internals.ts';

type LayerClass = tf.serialization.SerializableConstructor<layers.Layer> & {
  fromConfig(cls: LayerClass, config: tf.serialization.ConfigDict): unknown;
};

const isOurs = (error: Error): boolean => /^[a-z]\w+: /.test(error.message);

/** The error for a layer that has no faithful copy; an error from this package is kept as it is. */
export function copyError(
  where: string,
  layer: layers.Layer,
  why: string,
  thrown?: unknown,
): Error {
  const cause = thrown instanceof Error ? thrown : undefined;
  if (cause !== undefined && isOurs(cause)) return cause;
  const reason = cause === undefined ? why : `${why}: ${cause.message.trim().replace(/\.$/, '')}`;
  return new Error(
    `${where}: ${labelOf(layer)} cannot be copied, because ${reason}. Let its getConfig() return all that its constructor needs, and its constructor take it; tfjs needs that to load the model too.`,
    cause === undefined ? {} : { cause },
  );
}

/**
 * A layer of the same class, name and configuration. A name that the constructor ignores is assigned afterwards, and so
 * are the input shape and type of a first layer.
 *
 * @param configOf returns a configuration to use instead of the layer's own
 * @throws Error for a class that cannot be created from its configuration
 */
export function copyLayer(
  where: string,
  layer: layers.Layer,
  configOf: () => tf.serialization.ConfigDict = () => layerToConfig(layer).config,
): layers.Layer {
  const cls = layer.constructor as LayerClass;
  let name: unknown;
  let copy: unknown;
  try {
    const config = configOf();
    name = config['name'];
    copy = cls.fromConfig(cls, config);
  } catch (error) {
    throw copyError(where, layer, 'its class cannot be made from its configuration', error);
  }
  if (!isLayer(copy) || copy === layer) {
    throw copyError(where, layer, 'the fromConfig of its class does not make a new layer');
  }
  rename(copy, typeof name === 'string' ? name : layer.name);
  if (layer.batchInputShape != null) {
    copy.batchInputShape ??= layer.batchInputShape;
    copy.dtype ??= layer.dtype;
  }
  return copy;
}

/** Gives a layer a name, if its class allows it. */
function rename(layer: layers.Layer, name: string): void {
  if (layer.name === name) return;
  try {
    layer.name = name;
  } catch {
    // The class alone decides this name.
  }
}
