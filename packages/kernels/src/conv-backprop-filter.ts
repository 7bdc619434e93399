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
  layPatches,
  outRows,
  patchSize,
  rowsAtOnce,
} from './conv-geometry.ts';
import { multiplyInHeap } from './heap-product.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
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
 * The patches of x that the elements of the output meet are the rows of a matrix, and its transposed times dy is the result.
 * That matrix is larger than x by a factor of the number of filter elements, so it is laid out and multiplied for a few
 * rows of the output at a time, and the products are added up.
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
  const size = patchSize(geometry);
  const allRows = outRows(geometry);
  const out = backend.makeOutput(filterShape, 'float32');
  if (allRows * outWidth * size * outChannels === 0) {
    backend.typedArrayFromHeap(out).fill(0);
    return out;
  }

  const step = rowsAtOnce(geometry);
  const matrices = matricesOf(backend);
  const xSize = isChannelsFirst ? batch * inHeight * inWidth * inChannels : 0;
  const dySize = isChannelsFirst ? allRows * outWidth * outChannels : 0;
  const patchesSize = size * step * outWidth;
  const patches = matrices.allocate(patchesSize + xSize + dySize);
  let xAddress = addressOf(backend, x);
  let dyAddress = addressOf(backend, dy);
  try {
    if (isChannelsFirst) {
      const xCopy = patches + patchesSize * BYTES;
      const dyCopy = xCopy + xSize * BYTES;
      matrices.transpose(xAddress, xCopy, batch, inChannels, inHeight * inWidth);
      matrices.transpose(dyAddress, dyCopy, batch, outChannels, outHeight * outWidth);
      xAddress = xCopy;
      dyAddress = dyCopy;
    }
    for (let start = 0; start < allRows; start += step) {
      const rows = Math.min(step, allRows - start);
      // Any product may grow the heap, which detaches all arrays created before.
      const heap = new Float32Array(backend.wasm.HEAPU8.buffer);
      layPatches(heap, xAddress / BYTES, patches / BYTES, geometry, start, rows);
      multiplyInHeap(backend, {
        a: patches,
        b: dyAddress + start * outWidth * outChannels * BYTES,
        out: addressOf(backend, out),
        shape: [size, rows * outWidth, outChannels],
        transposeA: true,
        adds: start > 0,
      });
    }
  } finally {
    matrices.free(patches);
  }
  return out;
}
