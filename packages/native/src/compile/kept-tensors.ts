/** Tensors that a call has kept with tf.keep: a later call that uses one carries a state from call to call. */
import type * as tf from '@tensorflow/tfjs-core';

export interface KeptTensors {
  add(tensors: ReadonlySet<tf.Tensor>): void;
  /** Whether a call has kept this value and none has used it until now. */
  isUnused(dataId: object): boolean;
  use(dataId: object): void;
}

export function makeKeptTensors(): KeptTensors {
  const isUsed = new WeakMap<object, boolean>();
  return {
    add(tensors) {
      for (const { dataId } of tensors) if (!isUsed.has(dataId)) isUsed.set(dataId, false);
    },
    isUnused: (dataId) => isUsed.get(dataId) === false,
    use: (dataId) => void isUsed.set(dataId, true),
  };
}
