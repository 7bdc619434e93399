/** Tensors that were made on another backend. */
import { util } from '@tensorflow/tfjs-core';

interface Stored {
  shape: number[];
  /** Null as soon as TensorFlow has them. */
  readonly values: unknown;
}

interface Backend {
  readonly tensorMap: { get(dataId: object): Stored | undefined };
  getInputTensorIds(tensors: readonly { dataId: object; shape?: number[] }[]): number[];
}

/**
 * Gives stored values that TensorFlow does not have yet the shape of the tensor that is used. tfjs moves data to another
 * backend in the shape in which they were computed, and reshaping on cpu and wasm shares the data of its input: a matrix that
 * was cut out of a vector would be a vector here.
 */
export function takeShape(stored: Stored, shape: number[]): void {
  if (util.sizeFromShape(stored.shape) === util.sizeFromShape(shape)) stored.shape = shape;
}

/** Has a backend give TensorFlow the shapes of tensors in the place of those of their data. */
export function keepShapes(backend: Backend): void {
  const { getInputTensorIds } = backend;
  backend.getInputTensorIds = function (this: Backend, tensors) {
    for (const { dataId, shape } of tensors) {
      if (shape === undefined || dataId === undefined) continue;
      const stored = this.tensorMap.get(dataId);
      if (stored?.values) takeShape(stored, shape);
    }
    return getInputTensorIds.call(this, tensors);
  };
}
