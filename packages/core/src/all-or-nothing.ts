import * as tf from '@tensorflow/tfjs-core';
import { withPatches } from './patches.ts';

type TrackTensor = (tensor: tf.Tensor, ...rest: unknown[]) => void;

/**
 * What `make` returns, and a function that disposes of every tensor and variable created while it ran, kept ones
 * included. If `make` throws, they are disposed of at once, which tfjs does not do.
 */
export function undoable<T>(make: () => T): readonly [result: T, undo: () => void] {
  const tensors: tf.Tensor[] = [];
  const undo = (): void => {
    // A variable that is disposed of twice is counted twice.
    for (const tensor of tensors) if (!tensor.isDisposed) tensor.dispose();
  };
  const engine = tf.engine();
  // Every new tensor and variable is tracked here, whatever its scope.
  const trackTensor = {
    object: engine,
    method: 'trackTensor',
    by:
      (track: TrackTensor): TrackTensor =>
      (tensor, ...rest) => {
        tensors.push(tensor);
        track.call(engine, tensor, ...rest);
      },
  };
  try {
    return [withPatches([trackTensor], make), undo];
  } catch (error) {
    undo();
    throw error;
  }
}

/** What `make` returns. If it throws, all tensors and variables that it created are disposed of. */
export function allOrNothing<T>(make: () => T): T {
  return undoable(make)[0];
}
