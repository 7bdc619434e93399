import {
  backend_util,
  type Conv2DAttrs,
  engine,
  reverse,
  slice,
  type Tensor,
  type Tensor4D,
  transpose,
} from '@tensorflow/tfjs-core';
import { padAny } from './axes.ts';
import { explicitPadding } from './windows.ts';

/** Runs a kernel of one output. */
export const run = (kernelName: string, inputs: Record<string, Tensor>, attrs: object): Tensor =>
  engine().runKernel(kernelName, inputs, attrs as never) as Tensor;

export const isDilated = (dilations: number | readonly number[] | undefined): boolean =>
  [dilations ?? 1].flat().some((dilation) => dilation > 1);

/** Pads the spatial axes of [batch, …, channels]; negative padding removes elements. */
export function padSpace(x: Tensor, paddings: readonly (readonly [number, number])[]): Tensor {
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
export interface Geometry {
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
export function dilated(
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
export function geometryOf(
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
export function ofPadded(
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
