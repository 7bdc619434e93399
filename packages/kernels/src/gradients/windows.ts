import { backend_util, slice, stridedSlice, type Tensor } from '@tensorflow/tfjs-core';
import { padAny } from './axes.ts';

/** The windows of a pooling or convolution along one axis: the o-th begins at o · stride − before. */
export interface Windows {
  readonly size: number;
  readonly filter: number;
  readonly stride: number;
  readonly before: number;
  readonly count: number;
}

export interface PoolAttrs {
  readonly filterSize: number | number[];
  readonly strides: number | number[];
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** tfjs assumes square filters and strides where padding is one number; given for each side, it does not. */
export const explicitPadding = <P>(
  padding: P | number,
  isChannelsFirst = false,
): P | backend_util.ExplicitPadding => {
  if (typeof padding !== 'number' || padding === 0) return padding as P;
  const [none, both]: [number, number][] = [
    [0, 0],
    [padding, padding],
  ] as [[number, number], [number, number]];
  return isChannelsFirst ? [none!, none!, both!, both!] : [none!, both!, both!, none!];
};

/**
 * The windows of the spatial axes of [batch, …, channels], for 2 and 3 of them.
 *
 * @param out the shape of the result, for backends that round differently from tfjs' own size
 */
export function windowsOfPool(
  shape: number[],
  attrs: PoolAttrs,
  out?: readonly number[],
): Windows[] {
  return windowsAsRounded(shape, attrs).map((axis, i) => ({
    ...axis,
    count: out?.[i + 1] ?? axis.count,
  }));
}

function windowsAsRounded(shape: number[], attrs: PoolAttrs): Windows[] {
  const { filterSize, strides, pad: padding, dimRoundingMode } = attrs;
  if (shape.length === 4) {
    const info = backend_util.computePool2DInfo(
      shape as [number, number, number, number],
      filterSize as [number, number],
      strides as [number, number],
      1,
      explicitPadding(padding),
      dimRoundingMode,
    );
    const { top, left } = info.padInfo;
    return [
      windows(info.inHeight, info.filterHeight, info.strideHeight, top, info.outHeight),
      windows(info.inWidth, info.filterWidth, info.strideWidth, left, info.outWidth),
    ];
  }
  const info = backend_util.computePool3DInfo(
    shape as [number, number, number, number, number],
    filterSize as [number, number, number],
    strides as [number, number, number],
    1,
    padding as 'same',
    dimRoundingMode,
  );
  const { front, top, left } = info.padInfo;
  return [
    windows(info.inDepth, info.filterDepth, info.strideDepth, front, info.outDepth),
    windows(info.inHeight, info.filterHeight, info.strideHeight, top, info.outHeight),
    windows(info.inWidth, info.filterWidth, info.strideWidth, left, info.outWidth),
  ];
}

// In three dimensions tfjs pads by a negative number where a stride is larger than the filter; TensorFlow does not.
const windows = (
  size: number,
  filter: number,
  stride: number,
  before: number,
  count: number,
): Windows => ({ size, filter, stride, before: Math.max(0, before), count });

/** The length covered by the windows, from the first element of the first one to the last of the last one. */
const extent = ({ filter, stride, count }: Windows): number => (count - 1) * stride + filter;

/** Whether no window extends beyond the elements. */
export const isInside = (axes: readonly Windows[]): boolean =>
  axes.every((axis) => axis.before === 0 && extent(axis) <= axis.size);

/** The size of an axis after it is padded so far that all windows are inside. */
export const paddedSize = (axis: Windows): number =>
  axis.before === 0
    ? Math.max(axis.size, extent(axis))
    : Math.max(axis.before + axis.size, extent(axis));

/** [batch, …, channels] padded so far that all windows are inside. */
export function padWindows(x: Tensor, axes: readonly Windows[], value: number): Tensor {
  if (isInside(axes)) return x;
  const paddings = axes.map((axis): [number, number] => [
    axis.before,
    paddedSize(axis) - axis.before - axis.size,
  ]);
  return padAny(x, [[0, 0], ...paddings, [0, 0]], value);
}

/** The inverse of {@link padWindows}. */
export function cropWindows(x: Tensor, axes: readonly Windows[]): Tensor {
  if (isInside(axes)) return x;
  return slice(
    x,
    [0, ...axes.map(({ before }) => before), 0],
    [x.shape[0]!, ...axes.map(({ size }) => size), x.shape.at(-1)!],
  );
}

/** The element at `offset` of every window of padded [batch, …, channels]: [batch, …counts, channels]. */
export function elementsAt(x: Tensor, axes: readonly Windows[], offset: readonly number[]): Tensor {
  const ends = axes.map(({ stride, count }, i) => offset[i]! + (count - 1) * stride + 1);
  return stridedSlice(
    x,
    [0, ...offset, 0],
    [x.shape[0]!, ...ends, x.shape.at(-1)!],
    [1, ...axes.map(({ stride }) => stride), 1],
  );
}

/** All offsets inside a window. */
export const offsets = (axes: readonly Windows[]): number[][] =>
  axes.reduce<number[][]>(
    (all, { filter }) =>
      all.flatMap((offset) => Array.from({ length: filter }, (_, i) => [...offset, i])),
    [[]],
  );
