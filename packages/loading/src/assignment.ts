/** Which weight of a model each entry of a manifest is for. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { findWeights } from '@tfjs-lrm/core/kit';

type Spec = tf.io.WeightsManifestEntry;

/** An entry of the manifest, and the weight of the model that it is for, if there is one. */
export interface Assigned {
  readonly spec: Spec;
  readonly target: LayerVariable | undefined;
  /** The name of its layer, where the file has that apart from the name of the weight. */
  readonly layer?: string | undefined;
}

export interface Assignment {
  readonly assigned: readonly Assigned[];
  /** The name that a file of the same kind has for a weight of the model. */
  keyOf(weight: LayerVariable): string;
}

export const originalNameOf = ({ originalName }: LayerVariable): string => originalName;

/** By the names that tfjs or Keras gives the weights. */
export function assignByName(model: LayersModel, specs: readonly Spec[]): Assignment {
  const names = specs.map(({ name }) => name);
  const targets = findWeights('loadModel', model, names);
  return {
    assigned: specs.map((spec, i) => ({ spec, target: targets[i] })),
    keyOf: originalNameOf,
  };
}
