/** The structure of a model in memory as Keras would save it: the classes, names and order of its layers. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { isKerasLayer, type KerasLayer, kerasClass } from './kinds.ts';

/** The wrappers of Keras, which have a group of their own; any other, such as that of `withMultipliers`, has none. */
const WRAPPERS = ['TimeDistributed', 'Bidirectional'];

const partOf = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(partOf) : isKerasLayer(value) ? layerOf(value) : value;

function layerOf({ class_name: className, config }: KerasLayer): KerasLayer {
  const { name, layer } = config;
  if (isKerasLayer(layer) && !WRAPPERS.includes(className)) {
    const inner = layerOf(layer);
    return { ...inner, config: { ...inner.config, name } };
  }
  const parts = Object.fromEntries(
    ['layer', 'layers', 'cell', 'cells'].map((key) => [key, partOf(config[key])]),
  );
  return { class_name: kerasClass(className), config: { name, ...parts } };
}

export const structureOf = (model: LayersModel): KerasLayer =>
  layerOf(model.toJSON(null, false) as unknown as KerasLayer);
