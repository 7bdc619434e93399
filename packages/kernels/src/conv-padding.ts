import {
  backend_util,
  DepthwiseConv2dNative,
  type FusedConv2DAttrs,
  FusedDepthwiseConv2D,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { explicitPadding } from './gradients/windows.ts';
import { withSides } from './pool-padding.ts';

type Shape = [number, number, number, number];

/**
 * A convolution of two dimensions for wasm, plain, depthwise or fused, with its padding given as numbers that XNNPACK
 * reads as tfjs does. XNNPACK computes padding and sizes itself: with 'same' and a stride larger than the filter it
 * gets a negative number, takes it for a huge one and gives zeros; and it rounds down where `dimRoundingMode` rounds
 * up, so it writes another size than was allocated.
 *
 * @param stock tfjs' kernel, which does the work
 */
export function withExplicitPadding(kernelName: string, stock: KernelFunc): KernelFunc {
  const isDepthwise = [DepthwiseConv2dNative, FusedDepthwiseConv2D].includes(kernelName);
  return (call) => {
    const { x, filter } = call.inputs as { x: TensorInfo; filter: TensorInfo };
    const { strides, dilations, pad, dataFormat, dimRoundingMode } = attributes<FusedConv2DAttrs>(
      call.attrs,
    );
    if (pad === 'valid' || dataFormat === 'NCHW') return stock(call);
    const info = backend_util.computeConv2DInfo(
      x.shape as Shape,
      filter.shape as Shape,
      strides,
      dilations ?? 1,
      explicitPadding(pad),
      dimRoundingMode,
      isDepthwise,
    );
    const { top, bottom, left, right } = info.padInfo;
    const rest = (size: number, out: number, stride: number, extent: number, before: number) =>
      (out - 1) * stride + extent - before - size;
    const below = rest(
      info.inHeight,
      info.outHeight,
      info.strideHeight,
      info.effectiveFilterHeight,
      top,
    );
    const after = rest(
      info.inWidth,
      info.outWidth,
      info.strideWidth,
      info.effectiveFilterWidth,
      left,
    );
    // XNNPACK pads as much as the windows need, provided that none of them ends before the elements do.
    const isSame = pad === 'same' && below >= 0 && after >= 0;
    if (isSame) return stock(call);
    const explicit: backend_util.ExplicitPadding = [
      [0, 0],
      [top, Math.max(bottom, below)],
      [left, Math.max(right, after)],
      [0, 0],
    ];
    const attrs = { ...call.attrs, pad: explicit as never, dimRoundingMode: 'floor' };
    return stock({ ...call, attrs });
  };
}

/**
 * A convolution of two dimensions for tensorflow, with numeric padding given for each side, and as much at the end as
 * `dimRoundingMode` needs: TensorFlow rounds down.
 *
 * @param stock tfjs' kernel, which does the work
 */
export const withRounding =
  (kernelName: string) =>
  (stock: KernelFunc): KernelFunc => {
    const explicit = withExplicitPadding(kernelName, stock);
    return (call) => {
      const { pad, dataFormat } = call.attrs as unknown as FusedConv2DAttrs;
      if (typeof pad === 'string') return stock(call);
      return dataFormat === 'NCHW' ? withSides(stock)(call) : explicit(call);
    };
  };
