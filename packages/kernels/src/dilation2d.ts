import {
  backend_util,
  type Dilation2DAttrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `Dilation2D` kernel for wasm: the largest of x + filter in each window. The stock kernel starts from the smallest
 * positive number, so no result is ever negative there.
 *
 * @param stock tfjs' kernel, for types other than float32
 */
export function dilation2D(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { x, filter } = call.inputs as { x: TensorInfo; filter: TensorInfo };
    const { strides, pad, dilations } = attributes<Dilation2DAttrs>(call.attrs);
    if (x.dtype !== 'float32' || filter.dtype !== 'float32') return stock(call);
    const info = backend_util.computeDilation2DInfo(
      x.shape as [number, number, number, number],
      filter.shape as [number, number, number],
      strides,
      pad as 'same',
      'NHWC',
      dilations,
    );
    const { inHeight, inWidth, outHeight, outWidth, inChannels: depth, batchSize } = info;
    const backend = call.backend as WasmBackend;
    const out = backend.makeOutput(info.outShape, 'float32');
    const [results, values, added] = [out, x, filter].map((t) => backend.typedArrayFromHeap(t));
    results!.fill(Number.NEGATIVE_INFINITY);
    for (let row = 0, window = 0; row < batchSize * outHeight; row++) {
      const image = Math.floor(row / outHeight);
      for (let column = 0; column < outWidth; column++, window += depth)
        for (let i = 0; i < info.filterHeight; i++) {
          const y =
            (row % outHeight) * info.strideHeight - info.padInfo.top + i * info.dilationHeight;
          if (y < 0 || y >= inHeight) continue;
          for (let j = 0; j < info.filterWidth; j++) {
            const place = column * info.strideWidth - info.padInfo.left + j * info.dilationWidth;
            if (place < 0 || place >= inWidth) continue;
            const from = ((image * inHeight + y) * inWidth + place) * depth;
            const ofFilter = (i * info.filterWidth + j) * depth;
            for (let c = 0; c < depth; c++) {
              const value = values![from + c]! + added![ofFilter + c]!;
              if (value > results![window + c]!) results![window + c] = value;
            }
          }
        }
    }
    return out;
  };
}
