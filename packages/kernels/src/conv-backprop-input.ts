import {
  backend_util,
  type Conv2DBackpropInputAttrs,
  type Conv3DBackpropInputV2Attrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';
import { BYTES, matricesOf } from './wasm-matrices.ts';

/** Floats of the patches made at a time: 1 MiB, which a second-level cache holds. */
const PATCH_FLOATS = 1 << 18;

type Sides = readonly [depth: number, height: number, width: number];

interface Geometry {
  readonly shape: number[];
  readonly batch: number;
  readonly input: Sides;
  readonly output: Sides;
  readonly filter: Sides;
  readonly strides: Sides;
  /** What is padded before the first element. */
  readonly padding: Sides;
  readonly inChannels: number;
  readonly outChannels: number;
}

/**
 * The `Conv2DBackpropInput` kernel for wasm, the gradient of a convolution with respect to what it reads, and
 * tf.conv2dTranspose: out[b, y·strideY + i − top, z·strideX + j − left, c] gets dy[b, y, z, d] · filter[i, j, c, d]
 * from all y, z, i, j, d. The stock kernel is a loop; this is a product of matrices and a sum.
 *
 * @param stock tfjs' kernel, for NCHW
 */
export function conv2DBackpropInput(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { dy, filter } = call.inputs as { dy: TensorInfo; filter: TensorInfo };
    const { strides, pad, dataFormat, dimRoundingMode, inputShape } =
      call.attrs as unknown as Conv2DBackpropInputAttrs;
    if (dataFormat === 'NCHW') return stock(call);
    const shape = filter.shape as [number, number, number, number];
    const { computeConv2DInfo } = backend_util;
    const info = computeConv2DInfo(inputShape, shape, strides, 1, pad, dimRoundingMode);
    // tfjs' gradient forgets the rounding of the forward pass, which may have given one more row or column.
    const [outHeight = 0, outWidth = 0] = dy.shape.slice(1, 3);
    return backpropInput(call.backend as WasmBackend, dy, filter, {
      shape: inputShape,
      batch: info.batchSize,
      input: [1, info.inHeight, info.inWidth],
      output: [1, outHeight, outWidth],
      filter: [1, info.filterHeight, info.filterWidth],
      strides: [1, info.strideHeight, info.strideWidth],
      padding: [0, info.padInfo.top, info.padInfo.left],
      inChannels: info.inChannels,
      outChannels: info.outChannels,
    });
  };
}

/**
 * The `Conv3DBackpropInputV2` kernel for wasm, as {@link conv2DBackpropInput} with a depth. The stock kernel gives
 * wrong numbers.
 */
export const conv3DBackpropInput: KernelFunc = (call) => {
  const { dy, filter } = call.inputs as { dy: TensorInfo; filter: TensorInfo };
  const { strides, pad, inputShape } = call.attrs as unknown as Conv3DBackpropInputV2Attrs;
  const shape = filter.shape as [number, number, number, number, number];
  const info = backend_util.computeConv3DInfo(inputShape, shape, strides, 1, pad);
  return backpropInput(call.backend as WasmBackend, dy, filter, {
    shape: inputShape,
    batch: info.batchSize,
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    padding: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
    inChannels: info.inChannels,
    outChannels: info.outChannels,
  });
};

/** dy · filterᵀ is what each patch of the input gets, and the patches are added up, some rows at a time. */
function backpropInput(
  backend: WasmBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  geometry: Geometry,
): TensorInfo {
  const { shape, batch, output, inChannels, outChannels } = geometry;
  const [outDepth, outHeight, outWidth] = output;
  const out = backend.makeOutput(shape, 'float32');
  backend.typedArrayFromHeap(out).fill(0);
  const patchSize = geometry.filter.reduce((size, side) => size * side, inChannels);
  const outRows = batch * outDepth * outHeight;
  if (outRows * outWidth * patchSize * outChannels === 0) return out;
  const rowsAtOnce = Math.min(
    outRows,
    Math.max(1, Math.floor(PATCH_FLOATS / (patchSize * outWidth))),
  );

  const addressOf = ({ dataId }: TensorInfo): number => backend.dataIdMap.get(dataId).memoryOffset;
  const matrices = matricesOf(backend);
  const turned = matrices.allocate(outChannels * patchSize + rowsAtOnce * outWidth * patchSize);
  const patches = turned + outChannels * patchSize * BYTES;
  try {
    matrices.transpose(addressOf(filter), turned, 1, patchSize, outChannels);
    for (let start = 0, packedRows = 0; start < outRows; start += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, outRows - start);
      if (rows !== packedRows) matrices.pack(turned, rows * outWidth, outChannels, patchSize);
      packedRows = rows;
      matrices.multiply(addressOf(dy) + start * outWidth * outChannels * BYTES, patches);
      // Any product may grow the heap, which cuts off every array made before.
      const heap = new Float32Array(backend.wasm.HEAPU8.buffer);
      addPatches(heap, patches / BYTES, addressOf(out) / BYTES, geometry, start, rows);
    }
  } finally {
    matrices.unpack();
    matrices.free(turned);
  }
  return out;
}

/** Adds patches [rows · outWidth, depth, height, width, inChannels] where they lie in the input. */
function addPatches(
  heap: Float32Array,
  patches: number,
  target: number,
  geometry: Geometry,
  start: number,
  rows: number,
): void {
  const { inChannels } = geometry;
  const [inDepth, inHeight, inWidth] = geometry.input;
  const [outDepth, outHeight, outWidth] = geometry.output;
  const [filterDepth, filterHeight, filterWidth] = geometry.filter;
  const [strideDepth, strideHeight, strideWidth] = geometry.strides;
  const [front, top, left] = geometry.padding;
  const run = filterWidth * inChannels;
  let from = patches;
  for (let row = start; row < start + rows; row++) {
    const slice = Math.floor(row / outHeight);
    const image = Math.floor(slice / outDepth);
    const firstSlice = (slice % outDepth) * strideDepth - front;
    const firstRow = (row % outHeight) * strideHeight - top;
    for (let column = 0; column < outWidth; column++) {
      const first = column * strideWidth - left;
      // A row of the filter lies in one piece in the patch and in the input.
      const begin = Math.max(0, -first) * inChannels;
      const end = Math.min(filterWidth, inWidth - first) * inChannels;
      for (let h = 0; h < filterDepth; h++) {
        const inSlice = firstSlice + h;
        for (let i = 0; i < filterHeight; i++, from += run) {
          const inRow = firstRow + i;
          if (inSlice < 0 || inSlice >= inDepth || inRow < 0 || inRow >= inHeight) continue;
          const to =
            target +
            (((image * inDepth + inSlice) * inHeight + inRow) * inWidth + first) * inChannels;
          for (let k = begin; k < end; k++) heap[to + k]! += heap[from + k]!;
        }
      }
    }
  }
}
