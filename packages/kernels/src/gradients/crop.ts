import {
  add,
  CropAndResize,
  type CropAndResizeAttrs,
  cast,
  expandDims,
  type GradConfig,
  image,
  mul,
  range,
  reshape,
  slice,
  sub,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor4D,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';
import { isWithin, scatterBilinear, scatterNearest } from './scatter-pixels.ts';
import { inputsOf } from './tape.ts';

/** The gradient of `tf.image.cropAndResize` with respect to the images: each crop goes back to the pixels it was read from. */
const gradient: GradConfig = {
  kernelName: CropAndResize,
  inputsToSave: ['boxes', 'boxInd'],
  gradFunc: (dy, saved, attrs) => {
    const [boxes, boxInd] = saved as [Tensor2D, Tensor1D];
    const shape = inputsOf(saved)['image']!.shape as Tensor4D['shape'];
    const { cropSize, method } = attributes<CropAndResizeAttrs>(attrs);
    const [, height, width] = shape;
    const crops = boxes.shape[0];
    return {
      image: () => {
        const rows = reshape(placesOf(boxes, 0, cropSize[0], height), [crops, cropSize[0], 1]);
        const columns = reshape(placesOf(boxes, 1, cropSize[1], width), [crops, 1, cropSize[1]]);
        // A pixel of a crop that is outside the image is filled in, even where a neighbour of it is inside.
        const isInside = isWithin({ rows, columns }, height, width);
        const read = mul(dy as Tensor, cast(expandDims(isInside, -1), 'float32'));
        if (method === 'bilinear') return scatterBilinear(read, { rows, columns }, shape, boxInd);
        return scatterNearest(read, { rows, columns }, shape, boxInd);
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

/** The row, or the column, of the image that each row or column of each crop is read from: [crops, cropSize]. */
function placesOf(boxes: Tensor2D, axis: 0 | 1, cropSize: number, size: number): Tensor {
  const crops = boxes.shape[0];
  const start = slice(boxes, [0, axis], [crops, 1]);
  const end = slice(boxes, [0, axis + 2], [crops, 1]);
  const last = size - 1;
  if (cropSize === 1) return mul(add(start, end), 0.5 * last);
  const step = mul(sub(end, start), last / (cropSize - 1));
  return add(mul(start, last), mul(step, reshape(range(0, cropSize), [1, cropSize])));
}

/** The gradient of `tf.image.cropAndResize`, which tfjs lacks. */
export const cropGradient: Gradient = {
  gradient,
  example: {
    of: (x) => image.cropAndResize(reshape(x, [2, 1, 2, 1]), [[0, 0, 0, 1]], [1], [1, 2]),
    at: [1, 2, 3, 4],
    expected: [0, 0, 1, 1],
  },
};
