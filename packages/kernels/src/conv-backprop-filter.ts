import {
  backend_util,
  type Conv2DBackpropFilterAttrs,
  type Conv3DBackpropFilterV2Attrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import {
  type Geometry,
  geometryOf2D,
  geometryOf3D,
  outRows,
  patchSize,
  rowsAtOnce,
} from './conv-geometry.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { BYTES, matricesOf } from './wasm-matrices.ts';

/**
 * The `Conv2DBackpropFilter` kernel for wasm, without which no convolution trains:
 * out[i, j, c, d] = Σ x[b, y·strideY + i − top, z·strideX + j − left, c] · dy[b, y, z, d] over all b, y, z for which
 * x has such an element.
 *
 * `x` is [batch, height, width, inChannels] and `dy` [batch, outHeight, outWidth, outChannels], or both with the
 * channels second for `dataFormat` NCHW; the result is `filterShape`, [filterHeight, filterWidth, inChannels,
 * outChannels].
 */
export const conv2DBackpropFilter: KernelFunc = ({ inputs, backend: anyBackend, attrs }) => {
  const backend = anyBackend as WasmBackend;
  const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
  const { strides, pad, dataFormat, dimRoundingMode, filterShape } =
    attributes<Conv2DBackpropFilterAttrs>(attrs);
  const info = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filterShape,
    strides,
    1,
    pad,
    dimRoundingMode,
    false,
    backend_util.convertConv2DDataFormat(dataFormat),
  );
  const isChannelsFirst = info.dataFormat === 'channelsFirst';
  const output = isChannelsFirst ? dy.shape.slice(2) : dy.shape.slice(1, 3);
  const geometry = geometryOf2D(info, output);
  return backpropFilter(backend, x, dy, filterShape, geometry, isChannelsFirst);
};

/**
 * The `Conv3DBackpropFilterV2` kernel for wasm, as {@link conv2DBackpropFilter} with a depth. The stock kernel
 * leaves out elements at the far end where a stride is more than 1.
 */
export const conv3DBackpropFilter: KernelFunc = ({ inputs, backend, attrs }) => {
  const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
  const { strides, pad, filterShape } = attributes<Conv3DBackpropFilterV2Attrs>(attrs);
  const shape = x.shape as [number, number, number, number, number];
  const info = backend_util.computeConv3DInfo(shape, filterShape, strides, 1, pad);
  return backpropFilter(backend as WasmBackend, x, dy, filterShape, geometryOf3D(info), false);
};

/**
 * The patches of x that one element of the filter meets form a row of a matrix, and that matrix times dy is the result.
 * The matrix is larger than x by a factor of the number of filter elements, so it is built and multiplied for a few
 * rows of the output at a time, and the partial results are added up.
 */
function backpropFilter(
  backend: WasmBackend,
  x: TensorInfo,
  dy: TensorInfo,
  filterShape: number[],
  geometry: Geometry,
  isChannelsFirst: boolean,
): TensorInfo {
  const { batch, inChannels, outChannels } = geometry;
  const [, inHeight, inWidth] = geometry.input;
  const [, outHeight, outWidth] = geometry.output;
  const elements = patchSize(geometry);
  const allRows = outRows(geometry);
  const out = backend.makeOutput(filterShape, 'float32');
  const outAddress = backend.dataIdMap.get(out.dataId).memoryOffset;
  const outSize = elements * outChannels;
  if (allRows * outWidth * outSize === 0) {
    backend.typedArrayFromHeap(out).fill(0);
    return out;
  }

  const step = rowsAtOnce(geometry);
  const matrices = matricesOf(backend);
  const xSize = isChannelsFirst ? batch * inHeight * inWidth * inChannels : 0;
  const dySize = isChannelsFirst ? allRows * outWidth * outChannels : 0;
  const patchesSize = elements * step * outWidth;
  const scratch = matrices.allocate(patchesSize + outSize + xSize + dySize);
  const partAddress = scratch + patchesSize * BYTES;
  let xAddress = backend.dataIdMap.get(x.dataId).memoryOffset;
  let dyAddress = backend.dataIdMap.get(dy.dataId).memoryOffset;
  try {
    if (isChannelsFirst) {
      const xCopy = partAddress + outSize * BYTES;
      const dyCopy = xCopy + xSize * BYTES;
      matrices.transpose(xAddress, xCopy, batch, inChannels, inHeight * inWidth);
      matrices.transpose(dyAddress, dyCopy, batch, outChannels, outHeight * outWidth);
      xAddress = xCopy;
      dyAddress = dyCopy;
    }
    for (let start = 0; start < allRows; start += step) {
      const rows = Math.min(step, allRows - start);
      // Any product may grow the heap, which detaches all arrays created before.
      const before = new Float32Array(backend.wasm.HEAPU8.buffer);
      writePatches(before, xAddress / BYTES, scratch / BYTES, geometry, start, rows);
      const right = dyAddress + start * outWidth * outChannels * BYTES;
      matrices.pack(right, elements, rows * outWidth, outChannels);
      matrices.multiply(scratch, start === 0 ? outAddress : partAddress);
      if (start === 0) continue;
      const after = new Float32Array(backend.wasm.HEAPU8.buffer);
      const sums = outAddress / BYTES;
      const part = partAddress / BYTES;
      for (let i = 0; i < outSize; i++) after[sums + i]! += after[part + i]!;
    }
  } finally {
    matrices.unpack();
    matrices.free(scratch);
  }
  return out;
}

/**
 * target[filterDepth · filterHeight · filterWidth · inChannels, rows · outWidth]: for each element of the filter the
 * values that it meets in x, for `rows` rows of the output from `start` on, counted through the batch; zero outside x.
 */
function writePatches(
  heap: Float32Array,
  x: number,
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
  const pitch = rows * outWidth;
  const step = strideWidth * inChannels;
  for (let row = 0; row < rows; row++) {
    const outSlice = Math.floor((start + row) / outHeight);
    const image = Math.floor(outSlice / outDepth);
    let to = target + row * outWidth;
    for (let at = 0; at < filterDepth * filterHeight; at++) {
      const inSlice = (outSlice % outDepth) * strideDepth + Math.floor(at / filterHeight) - front;
      const inRow = ((start + row) % outHeight) * strideHeight + (at % filterHeight) - top;
      const isInside = inSlice >= 0 && inSlice < inDepth && inRow >= 0 && inRow < inHeight;
      const source = x + ((image * inDepth + inSlice) * inHeight + inRow) * inWidth * inChannels;
      for (let j = 0; j < filterWidth; j++) {
        const first = j - left;
        // The columns of the output for which 0 <= first + column · strideWidth < inWidth.
        const last = Math.min(outWidth, Math.ceil((inWidth - first) / strideWidth));
        const end = isInside ? Math.max(0, last) : 0;
        const begin = Math.min(end, Math.max(0, Math.ceil(-first / strideWidth)));
        for (let channel = 0; channel < inChannels; channel++) {
          for (let column = 0; column < begin; column++) heap[to + column] = 0;
          let from = source + (first + begin * strideWidth) * inChannels + channel;
          for (let column = begin; column < end; column++) {
            heap[to + column] = heap[from]!;
            from += step;
          }
          for (let column = end; column < outWidth; column++) heap[to + column] = 0;
          to += pitch;
        }
      }
    }
  }
}
