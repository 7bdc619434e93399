/** Checks the weights of a layer before they are allocated, because their sizes may come from a file. */
import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { labelOf, layersIn } from './layers-inside.ts';
import { withPatches } from './patches.ts';

/** Values in the largest weight: 1 GiB. Training holds it five times over, and its gradient. */
const LARGEST = 2 ** 28;

/** The signature of `Layer.addWeight`. */
export type AddWeight = (name: string, shape: number[], ...rest: unknown[]) => unknown;

/**
 * The number of values of a weight of this shape.
 *
 * @param where the function, for the error
 * @throws RangeError for dimensions that are not whole numbers, or more than 2^28 values
 */
export function checkSize(
  where: string,
  layer: layers.Layer,
  name: string,
  shape: readonly number[],
): number {
  const whole = shape.every((size) => Number.isInteger(size) && size >= 0);
  const size = tf.util.sizeFromShape([...shape]);
  if (!whole || size > LARGEST) {
    throw new RangeError(
      `${where}: weight "${name}" of ${labelOf(layer)} must have whole dimensions and at most 2^28 values. Received shape [${shape}]. Check the sizes in its configuration.`,
    );
  }
  return size;
}

/**
 * Builds a layer, and checks the size of each weight before it is allocated.
 *
 * @param where the function, for the error
 * @throws RangeError for a weight whose dimensions are not whole numbers, or of more than 2^28 values
 */
export function guardedBuild(
  where: string,
  layer: layers.Layer,
  inputShape: Parameters<layers.Layer['build']>[0],
): void {
  // A layer that is already guarded is being built by the call below.
  const unguarded = [...layersIn(layer)].filter((each) => !Object.hasOwn(each, 'addWeight'));
  const patches = unguarded.map((each) => ({
    object: each,
    method: 'addWeight',
    by:
      (addWeight?: AddWeight): AddWeight =>
      (name, shape, ...rest) => {
        checkSize(where, layer, name, shape);
        return addWeight?.call(each, name, shape, ...rest);
      },
  }));
  withPatches(patches, () => layer.build(inputShape));
}
