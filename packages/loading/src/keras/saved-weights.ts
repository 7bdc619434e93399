/** Datasets of an HDF5 file as weights of tfjs. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Assignment } from '../assignment.ts';
import type { Hdf5 } from './hdf5.ts';
import type { KerasLayer } from './kinds.ts';

type Spec = tf.io.WeightsManifestEntry;

/** Weights by the names that the file has for them. */
export interface SavedWeights {
  readonly specs: readonly Spec[];
  readonly data: readonly ArrayBuffer[];
  /**
   * The weight of a model that each of them is for.
   *
   * @param saved the model as Keras saves it
   */
  assign(saved: KerasLayer, model: LayersModel, specs: readonly Spec[]): Assignment;
}

const DTYPES = { Float32Array: 'float32', Int32Array: 'int32', Uint8Array: 'bool' } as const;

/** The values of datasets, under the given names. */
export function weightsIn(
  file: Hdf5,
  named: readonly (readonly [name: string, dataset: string])[],
): Omit<SavedWeights, 'assign'> {
  const read = named.map(([name, dataset]) => ({ name, ...file.read(dataset) }));
  return {
    specs: read.map(({ name, shape, values }) => ({
      name,
      shape: [...shape],
      dtype: DTYPES[values.constructor.name as keyof typeof DTYPES],
    })),
    data: read.map(({ values }) => values.buffer as ArrayBuffer),
  };
}
