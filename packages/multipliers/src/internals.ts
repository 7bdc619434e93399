import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { isLayer } from '@tfjs-lrm/core/kit';

/** What a layer has at run time and tfjs-layers hides from its types. */
interface LayerInternals {
  readonly initialWeights: tf.Tensor[] | null;
  readonly _nonTrainableWeights: readonly LayerVariable[];
  _refCount: number | null;
  warnOnIncompatibleInputShape(inputShape: unknown): void;
}

/** The hidden side of a layer. */
export function internals(layer: layers.Layer): LayerInternals {
  return layer as unknown as LayerInternals;
}

/** A layer as `{ className, config }`, with what tfjs forgets to save. */
export function layerToConfig(layer: layers.Layer): {
  className: string;
  config: tf.serialization.ConfigDict;
} {
  const [className, config] = [layer.getClassName(), layer.getConfig()];
  if (className !== 'SeparableConv2D') return { className, config };
  const { depthMultiplier } = layer as unknown as { depthMultiplier: number };
  return { className, config: { ...config, depthMultiplier } };
}

/** True for a layer that is a whole model. */
export function isModel(value: unknown): value is LayersModel {
  return isLayer(value) && 'layers' in value && 'predict' in value;
}

/** True while operations are being recorded for a gradient. */
export function isTapeOn(): boolean {
  return (tf.engine() as unknown as { isTapeOn(): boolean }).isTapeOn();
}

const TRACING: unique symbol = Symbol.for('tfjs-lrm/tracing');

/** True while another tool records a step to replay it: then nothing may be remembered between calls. */
export function isTracing(): boolean {
  return (globalThis as { [TRACING]?: unknown })[TRACING] !== undefined;
}

/** True for an array or an object literal: what a configuration consists of. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}
