import type { KernelFunc, ResizeNearestNeighborAttrs, TensorInfo } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { bilinear, nearest, type SharesOf } from './resize-shares.ts';
import { makeZeros, valuesOf } from './typed-arrays.ts';

type Values = Float32Array | Int32Array;

/** Adds `count` values from `from` on, times `share`, to those from `to` on. */
function addTimes(
  sums: Values,
  to: number,
  values: Values,
  from: number,
  count: number,
  share: number,
): void {
  for (let i = 0; i < count; i++) sums[to + i]! += share * values[from + i]!;
}

/** Each result of the resize goes back to the pixels that it is made of, in their shares. */
const transposed =
  (sharesOf: SharesOf): KernelFunc =>
  ({ inputs, backend, attrs }) => {
    const { dy, images } = inputs as { dy: TensorInfo; images: TensorInfo };
    const [batch, height, width, channels] = images.shape as [number, number, number, number];
    const [, outHeight, outWidth] = dy.shape as [number, number, number, number];
    const options = attributes<ResizeNearestNeighborAttrs>(attrs);
    const rows = sharesOf(height, outHeight, options);
    const columns = sharesOf(width, outWidth, options);
    const out = makeZeros(backend, images.shape);
    const [sums, values] = [valuesOf(backend, out), valuesOf(backend, dy)];
    const [size, outSize] = [width * channels, outWidth * channels];
    const line = new Float32Array(size);
    for (let outRow = 0; outRow < batch * outHeight; outRow++) {
      // The row of results as a row of the image, before it is shared among rows.
      line.fill(0);
      for (const [i, ofColumn] of columns.entries())
        for (const [column, share] of ofColumn)
          addTimes(
            line,
            column * channels,
            values,
            outRow * outSize + i * channels,
            channels,
            share,
          );
      const example = Math.floor(outRow / outHeight);
      for (const [row, share] of rows[outRow % outHeight]!)
        addTimes(sums, (example * height + row) * size, line, 0, size, share);
    }
    return out;
  };

/**
 * The `ResizeBilinearGrad` and `ResizeNearestNeighborGrad` kernels for cpu and wasm. The stock kernels ignore half-pixel
 * centers; that of cpu also swaps height and width.
 */
export const resizeBilinearGrad: KernelFunc = transposed(bilinear);
export const resizeNearestGrad: KernelFunc = transposed(nearest);
