import type { backend_util } from '@tensorflow/tfjs-core';

export type Sides = readonly [depth: number, height: number, width: number];

/** A convolution without dilations, its tensors with the channels last. One of two dimensions has a depth of 1. */
export interface Geometry {
  readonly batch: number;
  readonly input: Sides;
  readonly output: Sides;
  readonly filter: Sides;
  readonly strides: Sides;
  /** The padding before the first element. */
  readonly padding: Sides;
  readonly inChannels: number;
  readonly outChannels: number;
}

/**
 * @param output height and width of dy: tfjs' gradient forgets the rounding of the forward pass, which may have given
 * one more row or column than `info` says
 */
export function geometryOf2D(
  info: backend_util.Conv2DInfo,
  [outHeight = 0, outWidth = 0]: readonly number[],
): Geometry {
  return {
    batch: info.batchSize,
    input: [1, info.inHeight, info.inWidth],
    output: [1, outHeight, outWidth],
    filter: [1, info.filterHeight, info.filterWidth],
    strides: [1, info.strideHeight, info.strideWidth],
    padding: [0, info.padInfo.top, info.padInfo.left],
    inChannels: info.inChannels,
    outChannels: info.outChannels,
  };
}

export function geometryOf3D(info: ReturnType<typeof backend_util.computeConv3DInfo>): Geometry {
  return {
    batch: info.batchSize,
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    // Where a stride is larger than the filter, tfjs gives a negative padding; TensorFlow does not pad in that case.
    padding: [info.padInfo.front, info.padInfo.top, info.padInfo.left].map((side) =>
      Math.max(0, side),
    ) as unknown as Sides,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
  };
}

/** The number of elements of x that one element of the output meets. */
export const patchSize = ({ filter, inChannels }: Geometry): number =>
  filter.reduce((size, side) => size * side, inChannels);

/** The number of rows of the output, counted through the batch. */
export const outRows = ({ batch, output }: Geometry): number => batch * output[0] * output[1];

/** Floats of the patches laid out at a time: 1 MiB, which a second-level cache holds. */
const PATCH_FLOATS = 1 << 18;

/** The number of rows of the output to compute at a time. */
export function rowsAtOnce(geometry: Geometry): number {
  const rows = Math.floor(PATCH_FLOATS / (patchSize(geometry) * geometry.output[2]));
  return Math.min(outRows(geometry), Math.max(1, rows));
}

/**
 * Calls `visit` for each row of the filter wherever it meets x, for `rows` rows of the output from `start` on, with its
 * position in the patches [rows · outWidth, depth, height, width, inChannels] and in x, contiguous in both, and the
 * number of its elements inside x.
 */
export function eachRun(
  geometry: Geometry,
  start: number,
  rows: number,
  visit: (inPatches: number, inX: number, count: number) => void,
): void {
  const { inChannels } = geometry;
  const [inDepth, inHeight, inWidth] = geometry.input;
  const [outDepth, outHeight, outWidth] = geometry.output;
  const [filterDepth, filterHeight, filterWidth] = geometry.filter;
  const [strideDepth, strideHeight, strideWidth] = geometry.strides;
  const [front, top, left] = geometry.padding;
  const run = filterWidth * inChannels;
  let inPatches = 0;
  for (let row = start; row < start + rows; row++) {
    const slice = Math.floor(row / outHeight);
    const image = Math.floor(slice / outDepth);
    const firstSlice = (slice % outDepth) * strideDepth - front;
    const firstRow = (row % outHeight) * strideHeight - top;
    for (let column = 0; column < outWidth; column++) {
      const first = column * strideWidth - left;
      const begin = Math.max(0, -first) * inChannels;
      const count = Math.min(filterWidth, inWidth - first) * inChannels - begin;
      for (let h = 0; h < filterDepth; h++) {
        const inSlice = firstSlice + h;
        for (let i = 0; i < filterHeight; i++, inPatches += run) {
          const inRow = firstRow + i;
          if (inSlice < 0 || inSlice >= inDepth || inRow < 0 || inRow >= inHeight) continue;
          const inX =
            (((image * inDepth + inSlice) * inHeight + inRow) * inWidth + first) * inChannels;
          visit(inPatches + begin, inX + begin, count);
        }
      }
    }
  }
}

/**
 * Lays out the patches of x that `rows` rows of the output meet, from `start` on, as a matrix [rows · outWidth, patchSize], 0
 * outside x. Positions are those of floats in the heap.
 */
export function layPatches(
  heap: Float32Array,
  x: number,
  patches: number,
  geometry: Geometry,
  start: number,
  rows: number,
): void {
  heap.fill(0, patches, patches + rows * geometry.output[2] * patchSize(geometry));
  eachRun(geometry, start, rows, (inPatches, inX, count) => {
    const [from, to] = [x + inX, patches + inPatches];
    for (let k = 0; k < count; k++) heap[to + k] = heap[from + k]!;
  });
}
