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
  DepthwiseConv2dNative,
  type DepthwiseConv2dNativeAttrs,
  DepthwiseConv2dNativeBackpropFilter,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  DepthwiseConv2dNativeBackpropInput,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  depthwiseConv2d,
  engine,
  type GradConfig,
  grad,
  mul,
  ones,
  type Rank,
  reshape,
  reverse,
  slice,
  stridedSlice,
  sum,
  type Tensor,
  type Tensor4D,
  type Tensor5D,
  transpose,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { padAny } from './axes.ts';
import type { Example, Gradient } from './gradient.ts';
import { explicitPadding } from './windows.ts';

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

const run = (kernelName: string, inputs: Record<string, Tensor>, attrs: object): Tensor =>
  engine().runKernel(kernelName, inputs, attrs as never) as Tensor;

const isDilated = (dilations: number | readonly number[] | undefined): boolean =>
  [dilations ?? 1].flat().some((dilation) => dilation > 1);

/** Pads the spatial axes of [batch, …, channels]; negative padding removes elements. */
function padSpace(x: Tensor, paddings: readonly (readonly [number, number])[]): Tensor {
  const all = [[0, 0], ...paddings, [0, 0]] as const;
  const starts = all.map(([before]) => Math.max(0, -before));
  const sizes = x.shape.map((size, i) => size + Math.min(0, all[i]![0]) + Math.min(0, all[i]![1]));
  const cropped = sizes.every((size, i) => size === x.shape[i]) ? x : slice(x, starts, sizes);
  const positive = all.map(([before, after]): [number, number] => [
    Math.max(0, before),
    Math.max(0, after),
  ]);
  return padAny(cropped, positive);
}

/** What both gradients of a convolution with dilations need to know about it, axis by axis. */
interface Geometry {
  readonly dilations: readonly number[];
  readonly filter: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/**
 * The gradients of a convolution with dilations and stride 1, as convolutions themselves: tfjs has none.
 *
 * With respect to x it is dy, padded by all but one element of the filter, under the filter with dilations, reversed.
 * With respect to the filter it is x under dy, in steps of the dilations, with the batch in the place of the channels.
 */
function dilated(
  convolve: (x: Tensor, filter: Tensor, strides: number[], dilations: number[]) => Tensor,
  { dilations, filter: sides, before, after }: Geometry,
  x: Tensor,
  filter: Tensor,
  dy: Tensor,
): { x: () => Tensor; filter: () => Tensor } {
  const space = dilations.length;
  const axes = [...dilations.keys()];
  const one = dilations.map(() => 1);
  const last = [space + 1, space];
  return {
    x: () => {
      const reach = axes.map((i) => (sides[i]! - 1) * dilations[i]!);
      const padded = padSpace(
        dy,
        axes.map((i) => [reach[i]! - before[i]!, reach[i]! - after[i]!]),
      );
      // [...filter, in, out] → [...filter, out, in]
      const turned = transpose(reverse(filter, axes), [...axes, ...last]);
      return convolve(padded, turned, one, [...dilations]);
    },
    filter: () => {
      const padded = padSpace(
        x,
        axes.map((i) => [before[i]!, after[i]!]),
      );
      // [batch, ...space, channels] → [channels, ...space, batch] and [...space, batch, channels]
      const spaceAxes = axes.map((i) => i + 1);
      const images = transpose(padded, [space + 1, ...spaceAxes, 0]);
      const filters = transpose(dy, [...spaceAxes, 0, space + 1]);
      // [in, ...filter, out] → [...filter, in, out]
      const out = convolve(images, filters, [...dilations], one);
      return transpose(out, [...spaceAxes, 0, space + 1]);
    },
  };
}

/** The convolution info of tfjs, with the end padding that follows from the shape of dy, however it was rounded. */
function geometryOf(
  x: Tensor4D,
  filter: Tensor4D,
  dy: Tensor4D,
  attrs: Pick<Conv2DAttrs, 'strides' | 'pad' | 'dilations' | 'dimRoundingMode'>,
  isDepthwise: boolean,
): Geometry & { readonly strides: [number, number] } {
  const info = backend_util.computeConv2DInfo(
    x.shape,
    filter.shape,
    attrs.strides,
    attrs.dilations ?? 1,
    explicitPadding(attrs.pad),
    attrs.dimRoundingMode,
    isDepthwise,
  );
  const dilations = [info.dilationHeight, info.dilationWidth];
  const strides: [number, number] = [info.strideHeight, info.strideWidth];
  const sides = [info.filterHeight, info.filterWidth];
  const before = [info.padInfo.top, info.padInfo.left];
  const after = before.map(
    (padding, i) =>
      (dy.shape[i + 1]! - 1) * strides[i]! +
      (sides[i]! - 1) * dilations[i]! +
      1 -
      padding -
      x.shape[i + 1]!,
  );
  return { dilations, strides, filter: sides, before, after };
}

/** The gradients of a convolution with numeric padding: those of the convolution of the padded input. */
function ofPadded(
  names: readonly [input: string, filter: string],
  { strides, before, after }: Geometry & { readonly strides: [number, number] },
  x: Tensor4D,
  filter: Tensor4D,
  dy: Tensor4D,
): { x: () => Tensor; filter: () => Tensor } {
  const paddings = before.map((padding, i): [number, number] => [padding, after[i]!]);
  const common = { strides, pad: 'valid', dataFormat: 'NHWC', dilations: 1 };
  const inputShape = x.shape.map(
    (size, i) => size + (paddings[i - 1]?.[0] ?? 0) + (paddings[i - 1]?.[1] ?? 0),
  );
  return {
    x: () =>
      padSpace(
        run(names[0], { dy, filter }, { ...common, inputShape }),
        paddings.map(([first, last]) => [-first, -last]),
      ),
    filter: () =>
      run(names[1], { x: padSpace(x, paddings), dy }, { ...common, filterShape: filter.shape }),
  };
}

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

const depthwiseGradient: GradConfig = {
  kernelName: DepthwiseConv2dNative,
  inputsToSave: ['x', 'filter'],
  gradFunc: (gradient, saved, config) => {
    const dy = gradient as Tensor4D;
    const [x, filter] = saved as [Tensor4D, Tensor4D];
    const attrs = attributes<DepthwiseConv2dNativeAttrs>(config);
    const names = [
      DepthwiseConv2dNativeBackpropInput,
      DepthwiseConv2dNativeBackpropFilter,
    ] as const;
    if (isDilated(attrs.dilations))
      return dilatedDepthwise(geometryOf(x, filter, dy, attrs, true), x, filter, dy);
    const { strides, pad } = attrs;
    if (typeof pad !== 'string')
      return ofPadded(names, geometryOf(x, filter, dy, attrs, true), x, filter, dy);
    const common = { strides, pad, dilations: 1 };
    return {
      x: () => run(names[0], { dy, filter }, { ...common, inputShape: x.shape }),
      filter: () => run(names[1], { x, dy }, { ...common, filterShape: filter.shape }),
    };
  },
};

/** Like {@link dilated}, channel by channel. */
function dilatedDepthwise(
  { dilations, filter: sides, before, after }: Geometry,
  x: Tensor4D,
  filter: Tensor4D,
  dy: Tensor4D,
): { x: () => Tensor; filter: () => Tensor } {
  const [height, width, channels, multiplier] = filter.shape;
  const [dilationY, dilationX] = dilations as [number, number];
  return {
    x: () => {
      const reach = sides.map((side, i) => (side - 1) * dilations[i]!);
      const padded = padSpace(
        dy,
        reach.map((r, i) => [r - before[i]!, r - after[i]!]),
      ) as Tensor4D;
      const turned: Tensor4D = reshape(reverse(filter, [0, 1]), [
        height,
        width,
        channels * multiplier,
        1,
      ]);
      const out = depthwiseConv2d(padded, turned, 1, 'valid', 'NHWC', [dilationY, dilationX]);
      if (multiplier === 1) return out;
      return sum(reshape(out, [...x.shape, multiplier]), 4);
    },
    filter: () => {
      const padded = padSpace(x, [
        [before[0]!, after[0]!],
        [before[1]!, after[1]!],
      ]);
      const [batch, outHeight, outWidth] = dy.shape;
      const [, inHeight, inWidth] = padded.shape as Shape4;
      // [batch, space, channels] → [1, space, batch · channels], and the same of dy → [space, batch · channels, multiplier]
      const images: Tensor4D = reshape(transpose(padded, [1, 2, 0, 3]), [
        1,
        inHeight,
        inWidth,
        batch * channels,
      ]);
      const filters: Tensor4D = reshape(transpose(dy, [1, 2, 0, 3]), [
        outHeight,
        outWidth,
        batch * channels,
        multiplier,
      ]);
      // TensorFlow does not accept two different strides: compute every element, then select the wanted ones.
      const out =
        dilationY === dilationX
          ? depthwiseConv2d(images, filters, dilationY, 'valid')
          : stridedSlice(
              depthwiseConv2d(images, filters, 1, 'valid'),
              [0, 0, 0, 0],
              [
                1,
                (height - 1) * dilationY + 1,
                (width - 1) * dilationX + 1,
                batch * channels * multiplier,
              ],
              [1, dilationY, dilationX, 1],
            );
      return sum(reshape(out, [height, width, batch, channels, multiplier]), 2);
    },
  };
}

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
        run(Conv3DBackpropInputV2, { dy, filter }, { strides, pad, inputShape: x.shape as Shape5 }),
      dy: () => conv3d(x, filter, strides, pad),
    };
  },
};

const depthwiseFilterGradient: GradConfig = {
  kernelName: DepthwiseConv2dNativeBackpropFilter,
  inputsToSave: ['x', 'dy'],
  gradFunc: (gradient, saved, attrs) => {
    const filter = gradient as Tensor4D;
    const [x, dy] = saved as [Tensor4D, Tensor4D];
    const { filterShape: _, ...common } =
      attributes<DepthwiseConv2dNativeBackpropFilterAttrs>(attrs);
    return {
      x: () =>
        run(DepthwiseConv2dNativeBackpropInput, { dy, filter }, { ...common, inputShape: x.shape }),
      dy: () => convolveDepthwise(x, filter, common),
    };
  },
};

const depthwiseInputGradient: GradConfig = {
  kernelName: DepthwiseConv2dNativeBackpropInput,
  inputsToSave: ['dy', 'filter'],
  gradFunc: (gradient, saved, attrs) => {
    const x = gradient as Tensor4D;
    const [dy, filter] = saved as [Tensor4D, Tensor4D];
    const { inputShape: _, ...common } = attributes<DepthwiseConv2dNativeBackpropInputAttrs>(attrs);
    return {
      dy: () => convolveDepthwise(x, filter, common),
      filter: () =>
        run(
          DepthwiseConv2dNativeBackpropFilter,
          { x, dy },
          { ...common, filterShape: filter.shape },
        ),
    };
  },
};

const convolveDepthwise = (
  x: Tensor4D,
  filter: Tensor4D,
  attrs: Omit<DepthwiseConv2dNativeBackpropFilterAttrs, 'filterShape'>,
): Tensor =>
  depthwiseConv2d(
    x,
    filter,
    attrs.strides,
    attrs.pad,
    'NHWC',
    attrs.dilations,
    attrs.dimRoundingMode,
  );

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
