/**
 * The parts of tfjs that this package uses beyond its public types. A test names each one that the installed tfjs
 * lacks.
 */
import type * as tf from '@tensorflow/tfjs-core';
import { type initializers, type LayerVariable, layers } from '@tensorflow/tfjs-layers';

/** What a layer has at run time that tfjs-layers leaves out of its types. */
interface LayerInternals {
  /** Weights given with its configuration. */
  readonly initialWeights: tf.Tensor[] | null;
  readonly _nonTrainableWeights: readonly LayerVariable[];
  /** How many calls use the layer; at 0 its weights are disposed of. */
  _refCount: number | null;
  warnOnIncompatibleInputShape(inputShape: unknown): void;
}

/** A layer's members that its type leaves out. */
export function internals(layer: layers.Layer): LayerInternals {
  return layer as unknown as LayerInternals;
}

/** True for a recurrent layer, which takes its initial states as further inputs. */
export function takesStates(layer: layers.Layer): boolean {
  return 'cell' in layer || 'forwardLayer' in layer;
}

interface Depthwise {
  readonly depthMultiplier: number;
  readonly depthwiseConstraint: tf.serialization.Serializable | null | undefined;
}

/**
 * What tfjs leaves out of the configuration of a layer, or gets wrong: it saves the regularizer in place of the
 * constraint.
 */
function corrections(layer: layers.Layer): tf.serialization.ConfigDict {
  const { depthMultiplier, depthwiseConstraint } = layer as unknown as Depthwise;
  const className = layer.getClassName();
  if (className === 'SeparableConv2D') return { depthMultiplier };
  if (className !== 'DepthwiseConv2D') return {};
  return { depthwiseConstraint: depthwiseConstraint == null ? null : savedAs(depthwiseConstraint) };
}

/** A tfjs object as `{ className, config }`. */
export function savedAs(object: tf.serialization.Serializable): tf.serialization.ConfigDict {
  return { className: object.getClassName(), config: object.getConfig() };
}

/** A layer as `{ className, config }`, complete and correct. */
export function layerToConfig(layer: layers.Layer): {
  className: string;
  config: tf.serialization.ConfigDict;
} {
  return {
    className: layer.getClassName(),
    config: { ...layer.getConfig(), ...corrections(layer) },
  };
}

/** A name such as 'ones', or one of tf.initializers. */
export type InitializerLike = NonNullable<Parameters<typeof layers.dense>[0]['kernelInitializer']>;

/** An initializer object of tfjs-layers, which does not export its class. */
export type Initializer = ReturnType<typeof initializers.ones>;

/**
 * The initializer of a name or a configuration. tfjs-layers exports no function for it, but a dense layer keeps the one
 * that it creates.
 */
export function initializerFrom(initializer: InitializerLike): Initializer {
  const layer = layers.dense({ units: 1, name: 'initializer', kernelInitializer: initializer });
  return (layer as unknown as { kernelInitializer: Initializer }).kernelInitializer;
}
