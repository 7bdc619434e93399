import {
  abs,
  add,
  CropAndResize,
  type CropAndResizeAttrs,
  cast,
  equal,
  expandDims,
  floor,
  type GradConfig,
  greaterEqual,
  image,
  lessEqual,
  logicalAnd,
  matMul,
  mul,
  ResizeBilinear,
  ResizeNearestNeighbor,
  type ResizeNearestNeighborAttrs,
  range,
  relu,
  reshape,
  slice,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  tensor2d,
  transpose,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';

/** The share of each of `size` elements in each of `count` results, along one axis: [count, size]. */
type Weights = (size: number, count: number, attrs: ResizeNearestNeighborAttrs) => number[][];

/** The position of the o-th result among the elements. */
function positions(
  size: number,
  count: number,
  attrs: ResizeNearestNeighborAttrs,
  half: number,
): number[] {
  const { alignCorners, halfPixelCenters } = attrs;
  const isAligned = alignCorners && count > 1;
  const ratio = isAligned ? (size - 1) / (count - 1) : size / count;
  return Array.from({ length: count }, (_, o) =>
    halfPixelCenters ? ratio * (o + 0.5) - half : ratio * o,
  );
}

const bilinear: Weights = (size, count, attrs) =>
  positions(size, count, attrs, 0.5).map((position) => {
    const row = new Array<number>(size).fill(0);
    const below = Math.max(0, Math.floor(position));
    const above = Math.min(size - 1, Math.ceil(position));
    row[below]! += 1 - (position - below);
    row[above]! += position - below;
    return row;
  });

const nearest: Weights = (size, count, attrs) =>
  positions(size, count, attrs, 0).map((position) => {
    const row = new Array<number>(size).fill(0);
    const at = attrs.alignCorners ? Math.round(position) : Math.floor(position);
    row[Math.min(size - 1, Math.max(0, at))] = 1;
    return row;
  });

/**
 * The gradient of a resize. A resize is a product with one matrix for the rows and one for the columns; its gradient
 * uses their transposes. tfjs' kernels swap height and width, ignore half-pixel centers, or ignore all examples but the
 * first.
 */
const resizeGradient = (kernelName: string, weights: Weights): GradConfig => ({
  kernelName,
  inputsToSave: ['images'],
  gradFunc: (gradient, saved, config) => {
    const dy = gradient as Tensor4D;
    const [images] = saved as [Tensor4D];
    const attrs = attributes<ResizeNearestNeighborAttrs>(config);
    const [batch, height, width, channels] = images.shape;
    const [, outHeight, outWidth] = dy.shape;
    return {
      images: () => {
        const [timesY, timesX] = [outHeight / height, outWidth / width];
        if (
          kernelName === ResizeNearestNeighbor &&
          !attrs.alignCorners &&
          isWhole(timesY) &&
          isWhole(timesX)
        ) {
          const copies = reshape(dy, [batch, height, timesY, width * timesX * channels]);
          const rows = timesY === 1 ? copies : sum(copies, 2);
          return reshape(
            sum(reshape(rows, [batch * height, width, timesX, channels]), 2),
            images.shape,
          );
        }
        const ofRows = tensor2d(weights(height, outHeight, attrs));
        const ofColumns = tensor2d(weights(width, outWidth, attrs));
        // [height, outHeight] · [batch, outHeight, outWidth · channels]
        const down = matMul(
          expandDims(ofRows, 0),
          reshape(dy, [batch, outHeight, outWidth * channels]),
          true,
        );
        // [batch · height · channels, outWidth] · [outWidth, width]
        const columns = transpose(reshape(down, [batch * height, outWidth, channels]), [0, 2, 1]);
        const across = matMul(reshape(columns, [batch * height * channels, outWidth]), ofColumns);
        return reshape(
          transpose(reshape(across, [batch * height, channels, width]), [0, 2, 1]),
          images.shape,
        );
      },
    };
  },
});

const isWhole = (x: number): boolean => Number.isInteger(x);

/**
 * The gradient of `tf.image.cropAndResize` with respect to the images: each crop is a product of a matrix for its rows,
 * the image, and a matrix for its columns. The matrices are computed from the boxes by operations, since nothing may
 * wait for their values.
 */
const cropGradient: GradConfig = {
  kernelName: CropAndResize,
  inputsToSave: ['image', 'boxes', 'boxInd'],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor4D;
    const [images, boxes, boxInd] = saved as [Tensor4D, Tensor2D, Tensor1D];
    const { cropSize, method } = attributes<CropAndResizeAttrs>(attrs);
    const [batch, height, width, channels] = images.shape;
    const [cropHeight, cropWidth] = cropSize;
    const crops = boxes.shape[0];
    return {
      image: () => {
        const rows = cropWeights(boxes, 0, cropHeight, height, method);
        const columns = cropWeights(boxes, 1, cropWidth, width, method);
        const down = matMul(rows, reshape(dy, [crops, cropHeight, cropWidth * channels]), true);
        // [crops, height, cropWidth, channels] → [crops, cropWidth, height · channels]
        const sideways = transpose(
          reshape(down, [crops, height, cropWidth, channels]),
          [0, 2, 1, 3],
        );
        const across = matMul(
          columns,
          reshape(sideways, [crops, cropWidth, height * channels]),
          true,
        );
        const parts = transpose(reshape(across, [crops, width, height, channels]), [0, 2, 1, 3]);
        return unsortedSegmentSum(parts, boxInd, batch);
      },
      boxes: () => {
        throw new Error(
          'enableTraining: the gradient of tf.image.cropAndResize with respect to its boxes is not there. ' +
            'Received boxes that depend on what is trained. Try boxes that do not.',
        );
      },
    };
  },
};

/**
 * [crops, cropSize, size]: the share of each row, or column, in each row or column of the crop; zero outside the image.
 */
function cropWeights(
  boxes: Tensor2D,
  axis: 0 | 1,
  cropSize: number,
  size: number,
  method: 'bilinear' | 'nearest',
): Tensor3D {
  const crops = boxes.shape[0];
  const start = slice(boxes, [0, axis], [crops, 1]);
  const end = slice(boxes, [0, axis + 2], [crops, 1]);
  const last = size - 1;
  const at =
    cropSize > 1
      ? add(
          mul(start, last),
          mul(
            mul(sub(end, start), last / (cropSize - 1)),
            reshape(range(0, cropSize), [1, cropSize]),
          ),
        )
      : mul(add(start, end), 0.5 * last);
  const places = reshape(at, [crops, cropSize, 1]);
  const inside = cast(logicalAnd(greaterEqual(places, 0), lessEqual(places, last)), 'float32');
  const elements = reshape(range(0, size), [1, 1, size]);
  const weights =
    method === 'bilinear'
      ? relu(sub(1, abs(sub(places, elements))))
      : cast(equal(floor(add(places, 0.5)), elements), 'float32');
  return mul(weights, inside) as Tensor3D;
}

const asImage = (x: Tensor): Tensor4D => reshape(x, [2, 1, 2, 1]);

/** Gradients of operations that resize images. */
export const resizeGradients: readonly Gradient[] = [
  {
    gradient: resizeGradient(ResizeBilinear, bilinear),
    example: {
      of: (x) => mul(image.resizeBilinear(asImage(x), [1, 4], false, true), [[[1], [2], [3], [4]]]),
      at: [1, 2, 3, 4],
      expected: [3.25, 6.75, 3.25, 6.75],
    },
  },
  {
    gradient: resizeGradient(ResizeNearestNeighbor, nearest),
    example: {
      of: (x) =>
        mul(image.resizeNearestNeighbor(asImage(x), [1, 3], false, true), [[[1], [2], [3]]]),
      at: [1, 2, 3, 4],
      expected: [1, 5, 1, 5],
    },
  },
  {
    gradient: cropGradient,
    example: {
      of: (x) => image.cropAndResize(asImage(x), [[0, 0, 0, 1]], [1], [1, 2]),
      at: [1, 2, 3, 4],
      expected: [0, 0, 1, 1],
    },
  },
];
