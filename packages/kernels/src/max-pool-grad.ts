import {
  backend_util,
  type KernelFunc,
  type MaxPoolGradAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `MaxPoolGrad` kernel for wasm: the first largest element of each window of `input` [batch, height, width,
 * channels] gets that window's element of `dy`. The stock kernel takes the first element of the window where
 * none is positive.
 */
export const maxPoolGrad: KernelFunc = ({ inputs, backend: anyBackend, attrs }) => {
  const backend = anyBackend as WasmBackend;
  const { dy, input } = inputs as { dy: TensorInfo; input: TensorInfo };
  const { filterSize, strides, pad, dimRoundingMode } = attrs as unknown as MaxPoolGradAttrs;
  const shape = input.shape as [number, number, number, number];
  const { computePool2DInfo } = backend_util;
  const info = computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth } = info;

  const out = backend.makeOutput(shape, 'float32');
  const sums = backend.typedArrayFromHeap(out).fill(0);
  const values = backend.typedArrayFromHeap(input);
  const dyValues = backend.typedArrayFromHeap(dy);
  let window = 0;
  for (let outRow = 0; outRow < batchSize * outHeight; outRow++) {
    const image = Math.floor(outRow / outHeight);
    const firstRow = (outRow % outHeight) * info.strideHeight - info.padInfo.top;
    const top = Math.max(0, firstRow);
    const bottom = Math.min(inHeight, firstRow + info.filterHeight);
    for (let outColumn = 0; outColumn < outWidth; outColumn++) {
      const firstColumn = outColumn * info.strideWidth - info.padInfo.left;
      const left = Math.max(0, firstColumn);
      const right = Math.min(inWidth, firstColumn + info.filterWidth);
      for (let channel = 0; channel < inChannels; channel++, window++) {
        let largest = Number.NEGATIVE_INFINITY;
        let at = -1;
        for (let row = top; row < bottom; row++) {
          for (let column = left; column < right; column++) {
            const i = ((image * inHeight + row) * inWidth + column) * inChannels + channel;
            if (values[i]! <= largest) continue;
            largest = values[i]!;
            at = i;
          }
        }
        if (at >= 0) sums[at]! += dyValues[window]!;
      }
    }
  }
  return out;
};
