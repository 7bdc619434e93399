import {
  backend_util,
  DepthwiseConv2dNative,
  type FusedConv2DAttrs,
  FusedDepthwiseConv2D,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

type Shape = [number, number, number, number];

/**
 * A convolution of two dimensions for wasm, plain, depthwise or fused, whose padding 'same' also holds where a stride
 * is larger than the filter. There XNNPACK, which computes the padding itself, gets a negative number, takes it for a
 * huge one and gives zeros; so it is told the padding in numbers.
 *
 * @param stock tfjs' kernel, which does the work
 */
export function withSamePadding(kernelName: string, stock: KernelFunc): KernelFunc {
  const isDepthwise = [DepthwiseConv2dNative, FusedDepthwiseConv2D].includes(kernelName);
  return (call) => {
    const { x, filter } = call.inputs as { x: TensorInfo; filter: TensorInfo };
    const { strides, dilations, pad, dataFormat } = call.attrs as unknown as FusedConv2DAttrs;
    if (pad !== 'same' || dataFormat === 'NCHW') return stock(call);
    const { computeConv2DInfo } = backend_util;
    const [input, shape] = [x.shape as Shape, filter.shape as Shape];
    const info = computeConv2DInfo(
      input,
      shape,
      strides,
      dilations ?? 1,
      pad,
      undefined,
      isDepthwise,
    );
    const isCovered =
      info.strideHeight <= info.effectiveFilterHeight &&
      info.strideWidth <= info.effectiveFilterWidth;
    if (isCovered) return stock(call);
    const { top, bottom, left, right } = info.padInfo;
    const explicit: backend_util.ExplicitPadding = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ];
    return stock({ ...call, attrs: { ...call.attrs, pad: explicit as never } });
  };
}
