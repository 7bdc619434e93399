import {
  backend_util,
  type Conv2DBackpropInputAttrs,
  type Conv3DBackpropInputV2Attrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import {
  eachRun,
  type Geometry,
  geometryOf2D,
  geometryOf3D,
  outRows,
  patchSize,
  rowsAtOnce,
} from './conv-geometry.ts';
import { multiplyInHeap } from './heap-product.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { BYTES, matricesOf } from './wasm-matrices.ts';

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
      attributes<Conv2DBackpropInputAttrs>(call.attrs);
    if (dataFormat === 'NCHW') return stock(call);
    const shape = filter.shape as [number, number, number, number];
    const { computeConv2DInfo } = backend_util;
    const info = computeConv2DInfo(inputShape, shape, strides, 1, pad, dimRoundingMode);
    const geometry = geometryOf2D(info, dy.shape.slice(1, 3));
    return backpropInput(call.backend as WasmBackend, dy, filter, inputShape, geometry);
  };
}

/**
 * The `Conv3DBackpropInputV2` kernel for wasm, as {@link conv2DBackpropInput} with a depth. The stock kernel gives
 * wrong numbers.
 */
export const conv3DBackpropInput: KernelFunc = (call) => {
  const { dy, filter } = call.inputs as { dy: TensorInfo; filter: TensorInfo };
  const { strides, pad, inputShape } = attributes<Conv3DBackpropInputV2Attrs>(call.attrs);
  const shape = filter.shape as [number, number, number, number, number];
  const info = backend_util.computeConv3DInfo(inputShape, shape, strides, 1, pad);
  return backpropInput(call.backend as WasmBackend, dy, filter, inputShape, geometryOf3D(info));
};

/** dy · filterᵀ is the contribution to each patch of the input; the patches are added up, a few rows at a time. */
function backpropInput(
  backend: WasmBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  inputShape: number[],
  geometry: Geometry,
): TensorInfo {
  const { output, outChannels } = geometry;
  const outWidth = output[2];
  const out = backend.makeOutput(inputShape, 'float32');
  backend.typedArrayFromHeap(out).fill(0);
  const size = patchSize(geometry);
  const allRows = outRows(geometry);
  if (allRows * outWidth * size * outChannels === 0) return out;

  const step = rowsAtOnce(geometry);
  const matrices = matricesOf(backend);
  const patches = matrices.allocate(step * outWidth * size);
  try {
    for (let start = 0; start < allRows; start += step) {
      const rows = Math.min(step, allRows - start);
      multiplyInHeap(backend, {
        a: addressOf(backend, dy) + start * outWidth * outChannels * BYTES,
        b: addressOf(backend, filter),
        out: patches,
        shape: [rows * outWidth, outChannels, size],
        transposeB: true,
      });
      // Any product may grow the heap, which detaches all arrays created before.
      const heap = new Float32Array(backend.wasm.HEAPU8.buffer);
      const [source, target] = [patches / BYTES, addressOf(backend, out) / BYTES];
      eachRun(geometry, start, rows, (inPatches, inX, count) => {
        const [from, to] = [source + inPatches, target + inX];
        for (let k = 0; k < count; k++) heap[to + k]! += heap[from + k]!;
      });
    }
  } finally {
    matrices.free(patches);
  }
  return out;
}
