import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { layersIn } from './internals.ts';
import { describe } from './layouts.ts';

/** Values in the largest weight: 1 GiB. Training holds it five times over, and its gradient. */
const LARGEST = 2 ** 28;

interface Adding {
  addWeight?: (name: string, shape: number[], ...rest: unknown[]) => unknown;
}

/**
 * What `make` returns; if it throws, the variables that it has made until then are disposed of, which
 * tfjs leaves behind.
 */
export function allOrNothing<T>(make: () => T): T {
  const variables = (): tf.Variable[] => Object.values(tf.engine().registeredVariables);
  const before = new Set(variables());
  try {
    return make();
  } catch (error) {
    for (const variable of variables()) {
      if (!before.has(variable)) variable.dispose();
    }
    throw error;
  }
}

/**
 * Builds a layer. Before a weight is allocated its shape is looked at, because it may come from a file.
 *
 * @throws RangeError for a weight whose dimensions are no whole numbers, or of more than 2^28 values
 */
export function guardedBuild(
  layer: layers.Layer,
  inputShape: Parameters<layers.Layer['build']>[0],
): void {
  const all = [...layersIn(layer)].filter(
    (each) => !Object.hasOwn(each, 'addWeight'),
  ) as unknown as Adding[];
  for (const each of all) {
    const { addWeight } = each;
    each.addWeight = (name, shape, ...rest) => {
      const whole = shape.every((size) => Number.isInteger(size) && size >= 0);
      if (!whole || tf.util.sizeFromShape(shape) > LARGEST) {
        throw new RangeError(
          `withMultipliers: weight "${name}" of ${describe(layer)} must have whole dimensions and at most 2^28 values. Received shape [${shape}]. Check the sizes in its configuration.`,
        );
      }
      return addWeight?.call(each, name, shape, ...rest);
    };
  }
  try {
    layer.build(inputShape);
  } finally {
    // Back to the method of the class.
    for (const each of all) delete each.addWeight;
  }
}
