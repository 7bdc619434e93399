import {
  pad,
  reshape,
  slice,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  util,
} from '@tensorflow/tfjs-core';

/** The tensor as [before the axis, the axis, after it], so that later operations need only three axes at any rank. */
export const aroundAxis = (x: Tensor, axis: number): Tensor3D => {
  const { sizeFromShape } = util;
  return reshape(x, [
    sizeFromShape(x.shape.slice(0, axis)),
    x.shape[axis]!,
    sizeFromShape(x.shape.slice(axis + 1)),
  ]);
};

/** [outer, size, inner] as one row for each outer index: wasm copies the runs of a row at once. */
const asRows = (x: Tensor3D): Tensor2D => reshape(x, [x.shape[0], x.shape[1] * x.shape[2]]);

/** Zeros, or `value`, before and after the elements of axis 1. */
export function padAxis(x: Tensor3D, before: number, after: number, value = 0): Tensor3D {
  if (before + after === 0) return x;
  const [outer, size, inner] = x.shape;
  const paddings: [number, number][] = [
    [0, 0],
    [before * inner, after * inner],
  ];
  return reshape(pad(asRows(x), paddings, value), [outer, before + size + after, inner]);
}

/** `count` elements of axis 1, from `start` on. */
export function sliceAxis(x: Tensor3D, start: number, count: number): Tensor3D {
  const [outer, , inner] = x.shape;
  const rows = slice(asRows(x), [0, start * inner], [outer, count * inner]);
  return reshape(rows, [outer, count, inner]);
}

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
    const parts = padAxis(aroundAxis(padded, axis), before, after, value);
    return reshape(parts, padded.shape.with(axis, padded.shape[axis]! + before + after));
  }, x);
}
