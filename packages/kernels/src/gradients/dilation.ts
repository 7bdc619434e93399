import {
  add,
  backend_util,
  cast,
  Dilation2D,
  type Dilation2DAttrs,
  dilation2d,
  equal,
  type GradConfig,
  grad,
  logicalAnd,
  logicalNot,
  logicalOr,
  mul,
  pad,
  type Rank,
  reshape,
  slice,
  square,
  stack,
  stridedSlice,
  sum,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  zeros,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';
import { inverseStridedSlice } from './slices.ts';

const LEAST = -3.4028234663852886e38;

/**
 * The gradient of `tf.dilation2d`, the largest of x + filter in each window: dy goes to the first largest one. It takes
 * one pass per element of the filter, so that it has a gradient itself; some backends lack the kernels of tfjs'
 * gradient.
 */
const dilationGradient: GradConfig = {
  kernelName: Dilation2D,
  inputsToSave: ['x', 'filter'],
  outputsToSave: [true],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor4D;
    const [x, filter, y] = saved as [Tensor4D, Tensor3D, Tensor4D];
    const { strides, pad: padding, dilations } = attributes<Dilation2DAttrs>(attrs);
    const info = backend_util.computeDilation2DInfo(
      x.shape,
      filter.shape,
      strides,
      padding as 'same',
      'NHWC',
      dilations,
    );
    const { top, bottom, left, right } = info.padInfo;
    const [height, width, depth] = filter.shape;
    const [batch, outHeight, outWidth] = y.shape;
    const { strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
    const steps = [1, strideHeight, strideWidth, 1];
    const padded = pad(
      x,
      [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
      LEAST,
    );

    /** dy where the element at (i, j) of the filter is the first largest, in the order of the filter. */
    const parts: { begin: number[]; dy: Tensor }[] = [];
    let taken: Tensor | null = null;
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++) {
        const begin = [0, i * dilationHeight, j * dilationWidth, 0];
        const end = [
          batch,
          begin[1]! + (outHeight - 1) * strideHeight + 1,
          begin[2]! + (outWidth - 1) * strideWidth + 1,
          depth,
        ];
        const elements = stridedSlice(padded, begin, end, steps);
        const isLargest: Tensor = equal(add(elements, slice(filter, [i, j, 0], [1, 1, depth])), y);
        const isFirst = taken === null ? isLargest : logicalAnd(isLargest, logicalNot(taken));
        taken = taken === null ? isLargest : logicalOr(taken, isLargest);
        parts.push({ begin, dy: mul(dy, cast(isFirst, 'float32')) });
      }
    return {
      x: () => {
        const shape = padded.shape;
        const all = parts
          .map((part) => inverseStridedSlice(part.dy, shape, part.begin, steps))
          .reduce((a, b) => add(a, b), zeros(shape));
        return slice(all, [0, top, left, 0], x.shape);
      },
      filter: () => reshape(stack(parts.map((part) => sum(part.dy, [0, 1, 2]))), filter.shape),
    };
  },
};

export const dilationGradients: readonly Gradient[] = [
  {
    gradient: dilationGradient,
    example: {
      // Second order as well, which tfjs rejects: 2 · x₁ is the largest, and its square has the gradient 8 · x₁.
      of: (x) =>
        grad((t) =>
          square(
            dilation2d(
              reshape<Rank.R4>(t, [1, 1, 2, 1]),
              reshape<Rank.R3>(t, [1, 2, 1]),
              1,
              'valid',
            ),
          ),
        )(x),
      at: [-4, -3],
      expected: [0, 8],
    },
  },
];
