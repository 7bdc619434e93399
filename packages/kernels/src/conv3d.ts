import {
  backend_util,
  type Conv3DAttrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { geometryOf3D, layPatches, outRows, patchSize, rowsAtOnce } from './conv-geometry.ts';
import { multiplyInHeap } from './heap-product.ts';
import { addressOf, type WasmBackend } from './wasm-backend.ts';
import { BYTES, matricesOf } from './wasm-matrices.ts';

/**
 * The `Conv3D` kernel for wasm: out[b, t, y, z, d] = Σ x[b, t·strideT + h − front, y·strideY + i − top,
 * z·strideX + j − left, c] · filter[h, i, j, c, d] over all h, i, j, c for which x has such an element. The stock
 * kernel is a loop; this is the product of the patches of x and the filter, some rows of the output at a time.
 *
 * @param stock tfjs' kernel, for dilations
 */
export function conv3D(stock: KernelFunc): KernelFunc {
  return (call) => {
    const backend = call.backend as WasmBackend;
    const { x, filter } = call.inputs as { x: TensorInfo; filter: TensorInfo };
    const { strides, pad, dilations } = attributes<Conv3DAttrs>(call.attrs);
    const info = backend_util.computeConv3DInfo(
      x.shape as [number, number, number, number, number],
      filter.shape as [number, number, number, number, number],
      strides,
      dilations,
      pad,
    );
    const isDilated = info.dilationDepth * info.dilationHeight * info.dilationWidth > 1;
    if (isDilated || x.dtype !== 'float32' || filter.dtype !== 'float32') return stock(call);
    const geometry = geometryOf3D(info);
    const { outChannels } = geometry;
    const outWidth = geometry.output[2];
    const size = patchSize(geometry);
    const allRows = outRows(geometry);
    if (allRows * outWidth * size * outChannels === 0) return stock(call);

    const out = backend.makeOutput(info.outShape, 'float32');
    const step = rowsAtOnce(geometry);
    const matrices = matricesOf(backend);
    const patches = matrices.allocate(step * outWidth * size);
    try {
      for (let start = 0; start < allRows; start += step) {
        const rows = Math.min(step, allRows - start);
        // Any product may grow the heap, which detaches all arrays created before.
        const heap = new Float32Array(backend.wasm.HEAPU8.buffer);
        layPatches(heap, addressOf(backend, x) / BYTES, patches / BYTES, geometry, start, rows);
        multiplyInHeap(backend, {
          a: patches,
          b: addressOf(backend, filter),
          out: addressOf(backend, out) + start * outWidth * outChannels * BYTES,
          shape: [rows * outWidth, size, outChannels],
        });
      }
    } finally {
      matrices.free(patches);
    }
    return out;
  };
}
