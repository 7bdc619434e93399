import {
  DepthwiseConv2dNative,
  type DepthwiseConv2dNativeAttrs,
  DepthwiseConv2dNativeBackpropFilter,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  DepthwiseConv2dNativeBackpropInput,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  depthwiseConv2d,
  type GradConfig,
  reshape,
  reverse,
  stridedSlice,
  sum,
  type Tensor,
  type Tensor4D,
  transpose,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import {
  dilated,
  type Geometry,
  geometryOf,
  isDilated,
  ofPadded,
  padSpace,
  run,
} from './convolution-geometry.ts';

export const depthwiseGradient: GradConfig = {
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
      const [, inHeight, inWidth] = padded.shape as Tensor4D['shape'];
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

export const depthwiseFilterGradient: GradConfig = {
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

export const depthwiseInputGradient: GradConfig = {
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
