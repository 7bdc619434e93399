import type { backend_util, TensorInfo } from '@tensorflow/tfjs-core';

/**
 * Calls `visit` for each row of dy and each element of a depthwise filter that reads inside the image, with the
 * positions of that row in x and in dy, the number of its elements and their spacing, and the position of the filter
 * element's weights. Positions count elements.
 */
export function eachSpan(
  { batchSize, inHeight, inWidth, inChannels, outChannels, ...info }: backend_util.Conv2DInfo,
  dy: TensorInfo,
  visit: (
    pixel: number,
    pixelStep: number,
    gradient: number,
    count: number,
    weight: number,
  ) => void,
): void {
  const { strideWidth, filterHeight, filterWidth, padInfo } = info;
  const [outHeight = 0, outWidth = 0] = dy.shape.slice(1, 3);
  for (let outRow = 0; outRow < batchSize * outHeight; outRow++) {
    const image = Math.floor(outRow / outHeight);
    const top = (outRow % outHeight) * info.strideHeight - padInfo.top;
    for (let i = 0; i < filterHeight; i++) {
      const inRow = top + i * info.dilationHeight;
      if (inRow < 0 || inRow >= inHeight) continue;
      const row = (image * inHeight + inRow) * inWidth * inChannels;
      for (let j = 0; j < filterWidth; j++) {
        const first = j * info.dilationWidth - padInfo.left;
        const begin = Math.max(0, Math.ceil(-first / strideWidth));
        const end = Math.min(outWidth, Math.ceil((inWidth - first) / strideWidth));
        visit(
          row + (first + begin * strideWidth) * inChannels,
          strideWidth * inChannels,
          (outRow * outWidth + begin) * outChannels,
          end - begin,
          (i * filterWidth + j) * outChannels,
        );
      }
    }
  }
}
