import {
  backend_util,
  type Conv2DBackpropFilterAttrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';
import { BYTES, matricesOf } from './wasm-matrices.ts';

/** Floats of the patches laid out at a time: 1 MiB, which a second-level cache holds. */
const PATCH_FLOATS = 1 << 18;

/**
 * The `Conv2DBackpropFilter` kernel for wasm, without which no convolution trains:
 * out[i, j, c, d] = Σ x[b, y·strideY + i − top, z·strideX + j − left, c] · dy[b, y, z, d] over all b, y, z for which
 * x has such an element.
 *
 * `x` is [batch, height, width, inChannels] and `dy` [batch, outHeight, outWidth, outChannels], or both with the
 * channels second for `dataFormat` NCHW; the result is `filterShape`, [filterHeight, filterWidth, inChannels,
 * outChannels].
 *
 * The patches of x that one element of the filter meets are a row of a matrix, and that matrix times dy is the
 * result. It is filterHeight · filterWidth times as large as x, so it is made and multiplied some rows of the
 * output at a time, and what the parts give is added up.
 */
export const conv2DBackpropFilter: KernelFunc = ({ inputs, backend: anyBackend, attrs }) => {
  const backend = anyBackend as WasmBackend;
  const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
  const { strides, pad, dataFormat, dimRoundingMode, filterShape } =
    attrs as unknown as Conv2DBackpropFilterAttrs;
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
  const { batchSize, inHeight, inWidth, inChannels, outChannels } = info;
  // tfjs' gradient forgets the rounding of the forward pass, which may have given one more row or column.
  const [outHeight = 0, outWidth = 0] =
    info.dataFormat === 'channelsFirst' ? dy.shape.slice(2) : dy.shape.slice(1, 3);

  const out = backend.makeOutput(filterShape, 'float32');
  const outAddress = backend.dataIdMap.get(out.dataId).memoryOffset;
  const elements = info.filterHeight * info.filterWidth * inChannels;
  const outSize = elements * outChannels;
  const outRows = batchSize * outHeight;
  if (outRows * outWidth * outSize === 0) {
    backend.typedArrayFromHeap(out).fill(0);
    return out;
  }
  const rowsAtOnce = Math.min(
    outRows,
    Math.max(1, Math.floor(PATCH_FLOATS / (elements * outWidth))),
  );

  const matrices = matricesOf(backend);
  const isChannelsFirst = info.dataFormat === 'channelsFirst';
  const xSize = isChannelsFirst ? batchSize * inHeight * inWidth * inChannels : 0;
  const dySize = isChannelsFirst ? outRows * outWidth * outChannels : 0;
  const patchesSize = elements * rowsAtOnce * outWidth;
  const scratch = matrices.allocate(patchesSize + outSize + xSize + dySize);
  const partAddress = scratch + patchesSize * BYTES;
  let xAddress = backend.dataIdMap.get(x.dataId).memoryOffset;
  let dyAddress = backend.dataIdMap.get(dy.dataId).memoryOffset;
  try {
    if (isChannelsFirst) {
      const xCopy = partAddress + outSize * BYTES;
      const dyCopy = xCopy + xSize * BYTES;
      matrices.transpose(xAddress, xCopy, batchSize, inChannels, inHeight * inWidth);
      matrices.transpose(dyAddress, dyCopy, batchSize, outChannels, outHeight * outWidth);
      xAddress = xCopy;
      dyAddress = dyCopy;
    }
    for (let start = 0; start < outRows; start += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, outRows - start);
      // Any product may grow the heap, which cuts off every array made before.
      const before = new Float32Array(backend.wasm.HEAPU8.buffer);
      writePatches(
        before,
        xAddress / BYTES,
        scratch / BYTES,
        info,
        outHeight,
        outWidth,
        start,
        rows,
      );
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
};

/**
 * target[filterHeight · filterWidth · inChannels, rows · outWidth]: for each element of the filter what it meets
 * in x, for `rows` rows of the output from `start` on, counted through the batch; zero outside of x.
 */
function writePatches(
  heap: Float32Array,
  x: number,
  target: number,
  info: backend_util.Conv2DInfo,
  outHeight: number,
  outWidth: number,
  start: number,
  rows: number,
): void {
  const { inHeight, inWidth, inChannels, filterHeight, filterWidth } = info;
  const { strideHeight, strideWidth, padInfo } = info;
  const pitch = rows * outWidth;
  const step = strideWidth * inChannels;
  for (let row = 0; row < rows; row++) {
    const outRow = (start + row) % outHeight;
    const image = (start + row - outRow) / outHeight;
    let to = target + row * outWidth;
    for (let i = 0; i < filterHeight; i++) {
      const inRow = outRow * strideHeight + i - padInfo.top;
      const isInside = inRow >= 0 && inRow < inHeight;
      const source = x + (image * inHeight + inRow) * inWidth * inChannels;
      for (let j = 0; j < filterWidth; j++) {
        const first = j - padInfo.left;
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
