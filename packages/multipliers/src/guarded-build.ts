import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { labelOf, layersIn } from '@tfjs-lrm/core/kit';

/** Values in the largest weight: 1 GiB. Training holds it five times over, and its gradient. */
const LARGEST = 2 ** 28;

/** What every tensor and variable passes when it is made, in whichever scope. */
interface Tracking {
  trackTensor: (tensor: tf.Tensor, ...rest: unknown[]) => void;
}

type AddWeight = (name: string, shape: number[], ...rest: unknown[]) => unknown;

/**
 * What `make` returns, and a function that disposes of every tensor and variable made meanwhile, those that are kept
 * too. If `make` throws, they are disposed of at once: tfjs leaves them behind.
 */
export function undoable<T>(make: () => T): readonly [made: T, undo: () => void] {
  const engine = tf.engine() as unknown as Tracking;
  const before = Object.getOwnPropertyDescriptor(engine, 'trackTensor');
  const { trackTensor } = engine;
  const tensors: tf.Tensor[] = [];
  const undo = (): void => {
    // A variable that is disposed of twice is counted twice.
    for (const tensor of tensors) if (!tensor.isDisposed) tensor.dispose();
  };
  engine.trackTensor = (tensor, ...rest) => {
    tensors.push(tensor);
    trackTensor.call(engine, tensor, ...rest);
  };
  try {
    return [make(), undo];
  } catch (error) {
    undo();
    throw error;
  } finally {
    if (before === undefined) delete (engine as Partial<Tracking>).trackTensor;
    else Object.defineProperty(engine, 'trackTensor', before);
  }
}

/** What `make` returns; if it throws, no tensor and no variable is left of what it made. */
export function allOrNothing<T>(make: () => T): T {
  return undoable(make)[0];
}

/**
 * Looks at the shape of a weight before it is allocated, because it may come from a file.
 *
 * @returns the number of its values
 * @throws RangeError for dimensions that are no whole numbers, or more than 2^28 values
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
 * Builds a layer, whose weights are looked at before they are allocated.
 *
 * @throws RangeError for a weight whose dimensions are no whole numbers, or of more than 2^28 values
 */
export function guardedBuild(
  layer: layers.Layer,
  inputShape: Parameters<layers.Layer['build']>[0],
): void {
  const all = [...layersIn(layer)].filter(
    (each) => !Object.hasOwn(each, 'addWeight'),
  ) as unknown as { addWeight?: AddWeight }[];
  for (const each of all) {
    const { addWeight } = each;
    each.addWeight = (name, shape, ...rest) => {
      checkSize('withMultipliers', layer, name, shape);
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
