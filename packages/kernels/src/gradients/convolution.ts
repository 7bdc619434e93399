import {
  backend_util,
  Conv2D,
  type Conv2DAttrs,
  Conv2DBackpropFilter,
  type Conv2DBackpropFilterAttrs,
  Conv2DBackpropInput,
  Conv3D,
  type Conv3DAttrs,
  Conv3DBackpropFilterV2,
  type Conv3DBackpropFilterV2Attrs,
  Conv3DBackpropInputV2,
  conv2d,
  conv3d,
  depthwiseConv2d,
  type GradConfig,
  grad,
  mul,
  ones,
  type Rank,
  reshape,
  sum,
  type Tensor,
  type Tensor4D,
  type Tensor5D,
  transpose,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { dilated, geometryOf, isDilated, ofPadded, run } from './convolution-geometry.ts';
import {
  depthwiseFilterGradient,
  depthwiseGradient,
  depthwiseInputGradient,
} from './depthwise-convolution.ts';
import type { Example, Gradient } from './gradient.ts';

const conv2DGradient: GradConfig = {
  kernelName: Conv2D,
  inputsToSave: ['x', 'filter'],
  gradFunc: (gradient, saved, config) => {
    const [x, filter] = saved as [Tensor4D, Tensor4D];
    const attrs = attributes<Conv2DAttrs>(config);
    const { strides, pad, dataFormat } = attrs;
    if (!isDilated(attrs.dilations) && typeof pad === 'string') {
      const [dy, common] = [gradient as Tensor4D, { strides, pad, dataFormat }];
      return {
        x: () => run(Conv2DBackpropInput, { dy, filter }, { ...common, inputShape: x.shape }),
        filter: () =>
          run(Conv2DBackpropFilter, { x, dy }, { ...common, filterShape: filter.shape }),
      };
    }
    const isFirst = dataFormat === 'NCHW';
    const toLast = (t: Tensor4D): Tensor4D => (isFirst ? transpose(t, [0, 2, 3, 1]) : t);
    const [images, dy] = [toLast(x), toLast(gradient as Tensor4D)];
    const ofLast =
      isFirst && typeof pad === 'object' ? { ...attrs, pad: channelsLast(pad) } : attrs;
    const geometry = geometryOf(images, filter, dy, ofLast, false);
    const wanted = isDilated(attrs.dilations)
      ? dilated(convolve2D, geometry, images, filter, dy)
      : ofPadded([Conv2DBackpropInput, Conv2DBackpropFilter], geometry, images, filter, dy);
    return { ...wanted, x: () => (isFirst ? transpose(wanted.x(), [0, 3, 1, 2]) : wanted.x()) };
  },
};

const channelsLast = ([
  batch,
  channels,
  height,
  width,
]: backend_util.ExplicitPadding): backend_util.ExplicitPadding => [batch, height, width, channels];

const convolve2D = (x: Tensor, filter: Tensor, strides: number[], dilations: number[]): Tensor =>
  conv2d(
    x as Tensor4D,
    filter as Tensor4D,
    strides as [number, number],
    'valid',
    'NHWC',
    dilations as [number, number],
  );

const conv3DGradient: GradConfig = {
  kernelName: Conv3D,
  inputsToSave: ['x', 'filter'],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor5D;
    const [x, filter] = saved as [Tensor5D, Tensor5D];
    const { strides, pad, dilations } = attributes<Conv3DAttrs>(attrs);
    if (!isDilated(dilations)) {
      const common = { strides, pad };
      return {
        x: () => run(Conv3DBackpropInputV2, { dy, filter }, { ...common, inputShape: x.shape }),
        filter: () =>
          run(Conv3DBackpropFilterV2, { x, dy }, { ...common, filterShape: filter.shape }),
      };
    }
    const info = backend_util.computeConv3DInfo(x.shape, filter.shape, strides, dilations, pad);
    const { front, back, top, bottom, left, right } = info.padInfo;
    return dilated(
      (t, f, s, d) =>
        conv3d(
          t as Tensor5D,
          f as Tensor5D,
          s as [number, number, number],
          'valid',
          'NDHWC',
          d as [number, number, number],
        ),
      {
        dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
        filter: [info.filterDepth, info.filterHeight, info.filterWidth],
        before: [front, top, left],
        after: [back, bottom, right],
      },
      x,
      filter,
      dy,
    );
  },
};

/** A convolution is linear in each of its operands, and so are its gradients in theirs. */
const filterGradient: GradConfig = {
  kernelName: Conv2DBackpropFilter,
  inputsToSave: ['x', 'dy'],
  gradFunc: (gradient, saved, attrs) => {
    const filter = gradient as Tensor4D;
    const [x, dy] = saved as [Tensor4D, Tensor4D];
    const { strides, pad, dataFormat, dimRoundingMode } =
      attributes<Conv2DBackpropFilterAttrs>(attrs);
    return {
      x: () =>
        run(
          Conv2DBackpropInput,
          { dy, filter },
          { strides, pad, dataFormat, dimRoundingMode, inputShape: x.shape },
        ),
      dy: () => conv2d(x, filter, strides, pad, dataFormat, 1, dimRoundingMode),
    };
  },
};

const filter3DGradient: GradConfig = {
  kernelName: Conv3DBackpropFilterV2,
  inputsToSave: ['x', 'dy'],
  gradFunc: (gradient, saved, attrs) => {
    const filter = gradient as Tensor5D;
    const [x, dy] = saved as [Tensor5D, Tensor5D];
    const { strides, pad } = attributes<Conv3DBackpropFilterV2Attrs>(attrs);
    return {
      x: () =>
        run(
          Conv3DBackpropInputV2,
          { dy, filter },
          { strides, pad, inputShape: x.shape as Tensor5D['shape'] },
        ),
      dy: () => conv3d(x, filter, strides, pad),
    };
  },
};

const asImage = (x: Tensor): Tensor4D => reshape<Rank.R4>(x, [1, 1, x.size, 1]);

/** For s = x · x, a convolution of x by itself: ∇ s² = 4 s x, whose product with x is 4 s², and ∇ 4 s² = 16 s x. */
const secondOrder = (convolve: (x: Tensor, f: Tensor) => Tensor): Example => ({
  of: (x) => mul(grad((f) => sum(mul(convolve(x, f), convolve(x, f))))(x), x),
  at: [1, 2],
  expected: [80, 160],
});

/** Gradients of convolutions with dilations, and gradients of the gradients of all convolutions. */
export const convolutionGradients: readonly Gradient[] = [
  {
    gradient: conv2DGradient,
    example: {
      of: (x) => conv2d(asImage(x), ones<Rank.R4>([1, 2, 1, 1]), 1, 'valid', 'NHWC', [1, 2]),
      at: [1, 2, 3],
      expected: [1, 0, 1],
    },
  },
  {
    gradient: conv3DGradient,
    example: {
      of: (x) =>
        conv3d(
          reshape<Rank.R5>(x, [1, 1, 1, 3, 1]),
          ones<Rank.R5>([1, 1, 2, 1, 1]),
          1,
          'valid',
          'NDHWC',
          [1, 1, 2],
        ),
      at: [1, 2, 3],
      expected: [1, 0, 1],
    },
  },
  {
    gradient: depthwiseGradient,
    example: {
      of: (x) =>
        depthwiseConv2d(asImage(x), ones<Rank.R4>([1, 2, 1, 1]), 1, 'valid', 'NHWC', [1, 2]),
      at: [1, 2, 3],
      expected: [1, 0, 1],
    },
  },
  ...[filterGradient, depthwiseFilterGradient, depthwiseInputGradient].map((gradient) => ({
    gradient,
    example: secondOrder((x, f) =>
      depthwiseConv2d(asImage(x), reshape<Rank.R4>(f, [1, 2, 1, 1]), 1, 'valid'),
    ),
  })),
  {
    gradient: filter3DGradient,
    example: secondOrder((x, f) =>
      conv3d(
        reshape<Rank.R5>(x, [1, 1, 1, 2, 1]),
        reshape<Rank.R5>(f, [1, 1, 2, 1, 1]),
        1,
        'valid',
      ),
    ),
  },
];
