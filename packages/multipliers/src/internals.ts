import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';

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

/** True while operations are being recorded for a gradient. */
export function isTapeOn(): boolean {
  return (tf.engine() as unknown as { isTapeOn(): boolean }).isTapeOn();
}
