import { pad, reshape, type Tensor, type Tensor3D, util } from '@tensorflow/tfjs-core';

/** The tensor as [before the axis, the axis, after it], so that later operations need only three axes at any rank. */
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

/** Zeros, or `value`, around a tensor of any rank: some backends pad no more than four axes at once. */
export function padAny(
  x: Tensor,
  paddings: readonly (readonly [number, number])[],
  value = 0,
): Tensor {
  if (paddings.every(([before, after]) => before + after === 0)) return x;
  if (x.rank <= 4)
    return pad(
      x,
      paddings.map(([before, after]) => [before, after]),
      value,
    );
  return paddings.reduce((padded, [before, after], axis) => {
    if (before + after === 0) return padded;
    const parts = pad(
      aroundAxis(padded, axis),
      [
        [0, 0],
        [before, after],
        [0, 0],
      ],
      value,
    );
    return reshape(parts, padded.shape.with(axis, padded.shape[axis]! + before + after));
  }, x);
}
