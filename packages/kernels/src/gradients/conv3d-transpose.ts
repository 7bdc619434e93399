import {
  Conv3DBackpropFilterV2,
  Conv3DBackpropInputV2,
  type Conv3DBackpropInputV2Attrs,
  conv3d,
  conv3dTranspose,
  engine,
  type GradConfig,
  ones,
  type Rank,
  reshape,
  type Tensor,
  type Tensor5D,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';

/**
 * The gradient of `tf.conv3dTranspose`, for every backend. The operation is the transpose of a convolution, so its
 * gradient with respect to its input is that convolution of ddx, and its gradient with respect to the filter is the
 * convolution's own, with ddx in place of the convolution's input.
 */
const gradient: GradConfig = {
  kernelName: Conv3DBackpropInputV2,
  inputsToSave: ['dy', 'filter'],
  gradFunc: (ddx, saved, attrs) => {
    const [dy, filter] = saved as [Tensor5D, Tensor5D];
    const { strides, pad } = attributes<Conv3DBackpropInputV2Attrs>(attrs);
    return {
      dy: () => conv3d(ddx as Tensor5D, filter, strides, pad),
      filter: () => {
        const inputs = { x: ddx as Tensor, dy };
        const shape = { strides, pad, filterShape: filter.shape };
        return engine().runKernel(Conv3DBackpropFilterV2, inputs, shape as never) as Tensor;
      },
    };
  },
};

export const conv3DTransposeGradient: Gradient = {
  gradient,
  example: {
    of: (x) =>
      conv3dTranspose(
        reshape<Rank.R5>(x, [1, 1, 1, 2, 1]),
        ones<Rank.R5>([1, 1, 2, 1, 1]),
        [1, 1, 1, 4, 1],
        [1, 1, 2],
        'valid',
      ),
    at: [1, 2],
    expected: [2, 2],
  },
};
