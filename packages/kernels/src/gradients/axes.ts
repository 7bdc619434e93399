import { pad, reshape, type Tensor, type Tensor3D, util } from '@tensorflow/tfjs-core';

/** The tensor as [before the axis, the axis, after it], so that what follows needs three axes whatever the rank. */
export const aroundAxis = (x: Tensor, axis: number): Tensor3D => {
  const { sizeFromShape } = util;
  return reshape(x, [
    sizeFromShape(x.shape.slice(0, axis)),
    x.shape[axis]!,
    sizeFromShape(x.shape.slice(axis + 1)),
  ]);
};

/** Zeros before and after the elements of axis 1. */
export const padAxis = (x: Tensor3D, before: number, after: number): Tensor3D =>
  before + after === 0
    ? x
    : pad(x, [
        [0, 0],
        [before, after],
        [0, 0],
      ]);
