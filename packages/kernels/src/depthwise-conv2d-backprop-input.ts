import {
  backend_util,
  DepthwiseConv2dNative,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  getKernel,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { eachSpan } from './depthwise-spans.ts';
import type { WasmBackend } from './wasm-backend.ts';

type Shape = [number, number, number, number];

/**
 * The `DepthwiseConv2dNativeBackpropInput` kernel for wasm, the gradient of depthwise and separable convolutions
 * with respect to what they read: out[b, y·strideY + i·dilationY − top, z·strideX + j·dilationX − left, c] gets
 * dy[b, y, z, c·multiplier + m] · filter[i, j, c, m] from all y, z, i, j, m.
 *
 * `dy` is [batch, outHeight, outWidth, channels · multiplier] and `filter` [filterHeight, filterWidth, channels,
 * multiplier]; the result is `inputShape`, [batch, height, width, channels]. Unlike on cpu, which ignores them,
 * dilations count.
 *
 * With stride 1 this is the depthwise convolution of dy with the reversed filter, summed over the multiplier, which
 * XNNPACK computes many times faster than a loop.
 */
export const depthwiseConv2dBackpropInput: KernelFunc = (call) => {
  const backend = call.backend as WasmBackend;
  const { dy, filter } = call.inputs as { dy: TensorInfo; filter: TensorInfo };
  const { strides, dilations, pad, dimRoundingMode, inputShape } =
    attributes<DepthwiseConv2dNativeBackpropInputAttrs>(call.attrs);
  const info = backend_util.computeConv2DInfo(
    inputShape,
    filter.shape as Shape,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    true,
  );
  return turnedAround(backend, dy, filter, info) ?? scattered(backend, dy, filter, info);
};

/** dy convolved with the reversed filter, where that is the gradient; otherwise null. */
function turnedAround(
  backend: WasmBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  info: backend_util.Conv2DInfo,
): TensorInfo | null {
  const { inHeight, inWidth, outChannels, filterHeight, filterWidth, padInfo } = info;
  const isPlain = info.strideHeight === 1 && info.strideWidth === 1;
  const [outHeight = 0, outWidth = 0] = dy.shape.slice(1, 3);
  const spanHeight = info.effectiveFilterHeight - 1;
  const spanWidth = info.effectiveFilterWidth - 1;
  const top = spanHeight - padInfo.top;
  const left = spanWidth - padInfo.left;
  const bottom = inHeight + spanHeight - outHeight - top;
  const right = inWidth + spanWidth - outWidth - left;
  const convolve = getKernel(DepthwiseConv2dNative, 'wasm')?.kernelFunc;
  const isEmpty = info.batchSize * inHeight * inWidth * outChannels * outHeight * outWidth === 0;
  if (!isPlain || isEmpty || convolve === undefined) return null;
  if (Math.min(top, bottom, left, right) < 0) return null;

  const turned = backend.makeOutput([filterHeight, filterWidth, outChannels, 1], 'float32');
  const weights = backend.typedArrayFromHeap(filter);
  const target = backend.typedArrayFromHeap(turned);
  const last = filterHeight * filterWidth - 1;
  for (let i = 0; i <= last; i++) {
    const start = (last - i) * outChannels;
    target.set(weights.subarray(start, start + outChannels), i * outChannels);
  }
  let perFilter: TensorInfo;
  try {
    perFilter = convolve({
      inputs: { x: dy, filter: turned },
      backend,
      attrs: {
        strides: [1, 1],
        dilations: [info.dilationHeight, info.dilationWidth],
        pad: [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ],
      } as never,
    }) as TensorInfo;
  } finally {
    backend.disposeData(turned.dataId);
  }
  if (outChannels === info.inChannels) return perFilter;
  const out = backend.makeOutput(info.inShape, 'float32');
  const values = backend.typedArrayFromHeap(perFilter);
  const sums = backend.typedArrayFromHeap(out);
  const multiplier = outChannels / info.inChannels;
  for (let i = 0, k = 0; i < sums.length; i++) {
    let sum = 0;
    for (let m = 0; m < multiplier; m++) sum += values[k++]!;
    sums[i] = sum;
  }
  backend.disposeData(perFilter.dataId);
  return out;
}

/** Adds each element of dy wherever its pixel was read. */
function scattered(
  backend: WasmBackend,
  dy: TensorInfo,
  filter: TensorInfo,
  info: backend_util.Conv2DInfo,
): TensorInfo {
  const { inChannels, outChannels } = info;
  const multiplier = outChannels / inChannels;
  const out = backend.makeOutput(info.inShape, 'float32');
  const sums = backend.typedArrayFromHeap(out).fill(0);
  const dyValues = backend.typedArrayFromHeap(dy);
  const weights = backend.typedArrayFromHeap(filter);
  eachSpan(info, dy, (firstPixel, pixelStep, firstGradient, count, weight) => {
    let [pixel, gradient] = [firstPixel, firstGradient];
    for (let at = 0; at < count; at++, pixel += pixelStep, gradient += outChannels) {
      if (multiplier === 1) {
        for (let channel = 0; channel < inChannels; channel++) {
          sums[pixel + channel]! += dyValues[gradient + channel]! * weights[weight + channel]!;
        }
        continue;
      }
      for (let channel = 0, k = 0; channel < inChannels; channel++) {
        let sum = 0;
        for (let m = 0; m < multiplier; m++, k++) {
          sum += dyValues[gradient + k]! * weights[weight + k]!;
        }
        sums[pixel + channel]! += sum;
      }
    }
  });
  return out;
}
