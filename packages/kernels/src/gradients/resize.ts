import {
  customGrad,
  engine,
  type GradConfig,
  gather,
  getBackend,
  getKernel,
  image,
  type KernelFunc,
  mul,
  ResizeBilinear,
  ResizeBilinearGrad,
  ResizeNearestNeighbor,
  type ResizeNearestNeighborAttrs,
  ResizeNearestNeighborGrad,
  reshape,
  sum,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { resizeBilinearGrad, resizeNearestGrad } from '../resize-grad.ts';
import { bilinear, nearest, type Shares, type SharesOf } from '../resize-shares.ts';
import type { Gradient } from './gradient.ts';

/**
 * The transpose of a resize along axis 1, [outer, count, inner] → [outer, size, inner]: each element gathers the results
 * that it has a share in. All have a place for the same number of results, which is small, so that the cost is linear.
 */
function gatherShares(dy: Tensor3D, size: number, shares: Shares): Tensor3D {
  const results = Array.from({ length: size }, (): [result: number, share: number][] => []);
  for (const [result, elements] of shares.entries())
    for (const [element, share] of elements) results[element]!.push([result, share]);
  const most = Math.max(...results.map(({ length }) => length));
  const places = results.flatMap((of) =>
    Array.from({ length: most }, (_, i) => of[i] ?? ([0, 0] as const)),
  );
  const [outer, , inner] = dy.shape;
  const indices = tensor1d(
    places.map(([result]) => result),
    'int32',
  );
  const gathered = mul(
    gather(dy, indices, 1),
    tensor(
      places.map(([, share]) => share),
      [places.length, 1],
    ),
  );
  if (most === 1) return gathered as Tensor3D;
  return reshape(sum(reshape(gathered, [outer * size, most, inner]), 1), [outer, size, inner]);
}

/**
 * The gradient of a resize: by its kernel where that is right, and else axis by axis. The kernels of tfjs swap height and
 * width, ignore half-pixel centers, or ignore all examples but the first; those of this package do not.
 */
const resizeGradient = (
  kernelName: string,
  gradKernelName: string,
  ours: KernelFunc,
  resize: typeof image.resizeBilinear,
  sharesOf: SharesOf,
): GradConfig => ({
  kernelName,
  inputsToSave: ['images'],
  gradFunc: (gradient, saved, config) => {
    const [images] = saved as [Tensor4D];
    const attrs = attributes<ResizeNearestNeighborAttrs>(config);
    const { alignCorners, halfPixelCenters } = attrs;
    const [batch, height, width, channels] = images.shape;
    const [, outHeight, outWidth] = (gradient as Tensor4D).shape;
    const byAxis = (dy: Tensor): Tensor => {
      const rows = gatherShares(
        reshape(dy, [batch, outHeight, outWidth * channels]),
        height,
        sharesOf(height, outHeight, attrs),
      );
      const columns = gatherShares(
        reshape(rows, [batch * height, outWidth, channels]),
        width,
        sharesOf(width, outWidth, attrs),
      );
      return reshape(columns, images.shape);
    };
    const isKernelRight = (): boolean =>
      !halfPixelCenters || getKernel(gradKernelName, getBackend())?.kernelFunc === ours;
    // Linear in dy: its own gradient is the resize.
    const transposed = customGrad((dy) => ({
      value: isKernelRight()
        ? engine().runKernel<Tensor>(gradKernelName, { dy: dy as Tensor, images }, { ...attrs })
        : byAxis(dy as Tensor),
      gradFunc: (ddx: Tensor) =>
        resize(ddx as Tensor4D, [outHeight, outWidth], alignCorners, halfPixelCenters),
    }));
    return { images: () => transposed(gradient as Tensor) };
  },
});

const asImage = (x: Tensor): Tensor4D => reshape(x, [2, 1, 2, 1]);

/** Gradients of operations that resize images. */
export const resizeGradients: readonly Gradient[] = [
  {
    gradient: resizeGradient(
      ResizeBilinear,
      ResizeBilinearGrad,
      resizeBilinearGrad,
      image.resizeBilinear,
      bilinear,
    ),
    example: {
      of: (x) => mul(image.resizeBilinear(asImage(x), [1, 4], false, true), [[[1], [2], [3], [4]]]),
      at: [1, 2, 3, 4],
      expected: [3.25, 6.75, 3.25, 6.75],
    },
  },
  {
    gradient: resizeGradient(
      ResizeNearestNeighbor,
      ResizeNearestNeighborGrad,
      resizeNearestGrad,
      image.resizeNearestNeighbor,
      nearest,
    ),
    example: {
      of: (x) =>
        mul(image.resizeNearestNeighbor(asImage(x), [1, 3], false, true), [[[1], [2], [3]]]),
      at: [1, 2, 3, 4],
      expected: [1, 5, 1, 5],
    },
  },
];
