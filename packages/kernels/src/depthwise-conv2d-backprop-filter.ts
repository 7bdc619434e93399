import {
  backend_util,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { eachSpan } from './depthwise-spans.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `DepthwiseConv2dNativeBackpropFilter` kernel for wasm, without which no depthwise or separable convolution
 * trains: out[i, j, c, m] = Σ x[b, y·strideY + i·dilationY − top, z·strideX + j·dilationX − left, c] ·
 * dy[b, y, z, c·multiplier + m] over all b, y, z for which x has such an element.
 *
 * `x` is [batch, height, width, channels] and `dy` [batch, outHeight, outWidth, channels · multiplier]; the result
 * is `filterShape`, [filterHeight, filterWidth, channels, multiplier]. Unlike on cpu, which ignores them,
 * dilations count.
 *
 * Each element of dy is used filterHeight · filterWidth times and each element of x about as often, so a product of
 * matrices gains nothing, and a loop is as good as giving XNNPACK copies.
 */
export const depthwiseConv2dBackpropFilter: KernelFunc = ({
  inputs,
  backend: anyBackend,
  attrs,
}) => {
  const backend = anyBackend as WasmBackend;
  const { x, dy } = inputs as { x: TensorInfo; dy: TensorInfo };
  const { strides, dilations, pad, dimRoundingMode, filterShape } =
    attributes<DepthwiseConv2dNativeBackpropFilterAttrs>(attrs);
  const info = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filterShape,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    true,
  );
  const { inChannels, outChannels } = info;
  const multiplier = outChannels / inChannels;

  const out = backend.makeOutput(filterShape, 'float32');
  const xValues = backend.typedArrayFromHeap(x);
  const dyValues = backend.typedArrayFromHeap(dy);
  // One float64 per weight: there may be a million summands.
  const sums = new Float64Array(info.filterHeight * info.filterWidth * outChannels);
  eachSpan(info, dy, (firstPixel, pixelStep, firstGradient, count, weights) => {
    let [pixel, gradient] = [firstPixel, firstGradient];
    for (let at = 0; at < count; at++, pixel += pixelStep, gradient += outChannels) {
      if (multiplier === 1) {
        for (let channel = 0; channel < inChannels; channel++) {
          sums[weights + channel]! += xValues[pixel + channel]! * dyValues[gradient + channel]!;
        }
        continue;
      }
      for (let channel = 0, k = 0; channel < inChannels; channel++) {
        const value = xValues[pixel + channel]!;
        for (let m = 0; m < multiplier; m++, k++) {
          sums[weights + k]! += value * dyValues[gradient + k]!;
        }
      }
    }
  });
  backend.typedArrayFromHeap(out).set(sums);
  return out;
};
