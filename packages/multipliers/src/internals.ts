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

interface Depthwise {
  readonly depthMultiplier: number;
  readonly depthwiseConstraint: tf.serialization.Serializable | null | undefined;
}

/** What tfjs forgets in the configuration of a layer, or says wrong: its regularizer in the place of its constraint. */
function corrections(layer: layers.Layer): tf.serialization.ConfigDict {
  const { depthMultiplier, depthwiseConstraint } = layer as unknown as Depthwise;
  const className = layer.getClassName();
  if (className === 'SeparableConv2D') return { depthMultiplier };
  if (className !== 'DepthwiseConv2D') return {};
  return { depthwiseConstraint: depthwiseConstraint == null ? null : savedAs(depthwiseConstraint) };
}

/** An object of tfjs as `{ className, config }`. */
export function savedAs(object: tf.serialization.Serializable): tf.serialization.ConfigDict {
  return { className: object.getClassName(), config: object.getConfig() };
}

/** A layer as `{ className, config }`, with what tfjs forgets to save. */
export function layerToConfig(layer: layers.Layer): {
  className: string;
  config: tf.serialization.ConfigDict;
} {
  return {
    className: layer.getClassName(),
    config: { ...layer.getConfig(), ...corrections(layer) },
  };
}

/** True while operations are being recorded for a gradient. */
export function isTapeOn(): boolean {
  return (tf.engine() as unknown as { isTapeOn(): boolean }).isTapeOn();
}
