import {
  _FusedMatMul,
  Add,
  AvgPool,
  AvgPool3D,
  BatchMatMul,
  Cast,
  Conv2D,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  Conv3D,
  Conv3DBackpropFilterV2,
  Conv3DBackpropInputV2,
  CropAndResize,
  Cumprod,
  Cumsum,
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
  Dilation2D,
  Einsum,
  Exp,
  ExpandDims,
  FFT,
  FusedBatchNorm,
  FusedConv2D,
  FusedDepthwiseConv2D,
  GatherV2,
  Identity,
  IFFT,
  type KernelFunc,
  MaxPool,
  MaxPool3D,
  MaxPool3DGrad,
  MaxPoolGrad,
  MaxPoolWithArgmax,
  Mean,
  Multiply,
  Pack,
  PadV2,
  Reshape,
  ResizeBilinearGrad,
  ResizeNearestNeighborGrad,
  Reverse,
  Select,
  StridedSlice,
  Sub,
  Sum,
  Transform,
  UnsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { batchMatMul } from './batch-mat-mul.ts';
import { withAllAxes, withBroadcastBatches, withBroadcastStatistics } from './broadcast-kernels.ts';
import { cast } from './cast.ts';
import { byParts, withEqualRanks, withTransformOfShape } from './complex-kernels.ts';
import { conv2DBackpropFilter, conv3DBackpropFilter } from './conv-backprop-filter.ts';
import { conv2DBackpropInput, conv3DBackpropInput } from './conv-backprop-input.ts';
import { withExplicitPadding, withRounding } from './conv-padding.ts';
import { conv3D } from './conv3d.ts';
import { withMetElements, withUnmetZeros } from './conv3d-padding.ts';
import { denseKernels } from './dense.ts';
import { depthwiseConv2dBackpropFilter } from './depthwise-conv2d-backprop-filter.ts';
import { depthwiseConv2dBackpropInput } from './depthwise-conv2d-backprop-input.ts';
import { dilation2D } from './dilation2d.ts';
import { einsum } from './einsum.ts';
import { exp } from './exponential-passes.ts';
import { padAxes, reverseAxes, stridedSliceAxes } from './few-axes.ts';
import { fusedMatMul } from './fused-mat-mul.ts';
import { gather } from './gather.ts';
import { identity } from './identity.ts';
import { layerNormKernels } from './layer-norm.ts';
import { maxPool3D, maxPoolGrad, maxPoolWithArgmax } from './max-pool.ts';
import { onePassKernels } from './one-pass.ts';
import { pointwise, pointwiseBackpropFilter, pointwiseBackpropInput } from './pointwise.ts';
import { withPadding, withSides } from './pool-padding.ts';
import { withPresentInputs } from './present-inputs.ts';
import { resizeBilinearGrad, resizeNearestGrad } from './resize-grad.ts';
import { reverse } from './reverse.ts';
import { select } from './select.ts';
import { mean, sum } from './sum.ts';
import {
  withPaddedAverages,
  withPaddedFilter,
  withPaddedGradient,
  withPaddedInput,
  withPaddedMaxima,
} from './tensorflow-padding.ts';
import { withEveryImage } from './transform.ts';
import { unsortedSegmentSum } from './unsorted-segment-sum.ts';
import {
  unsortedSegmentSumInOnePass,
  withImagesOfBoxes,
  withOuterProducts,
} from './webgl-kernels.ts';
import {
  withFloats,
  withForwardScan,
  withoutSegmentsBeyond,
  withPlanes,
} from './webgpu-kernels.ts';

/** Kernels of one backend. */
export interface Kernels {
  /** Kernels that the backend lacks, registered where the installed tfjs still lacks them. */
  readonly missing: Readonly<Record<string, KernelFunc>>;
  /** Kernels that are slow or wrong there: the kernel to run instead of the stock one, or around it. */
  readonly replaced: Readonly<Record<string, (stock: KernelFunc) => KernelFunc>>;
}

/**
 * Three dimensions with padding 'same' and strides larger than the filter, on backends whose kernels come from tfjs.
 */
const same3D = (backendName: string): Kernels['replaced'] => ({
  ...Object.fromEntries(
    [AvgPool3D, Conv3D, Conv3DBackpropFilterV2, MaxPool3D].map((kernelName) => [
      kernelName,
      (stock: KernelFunc) => withMetElements(backendName, stock),
    ]),
  ),
  [Conv3DBackpropInputV2]: (stock) => withUnmetZeros(backendName, stock),
});

const sides = (kernelNames: readonly string[]): Kernels['replaced'] =>
  Object.fromEntries(kernelNames.map((name) => [name, withSides]));

/** Gradients of resizes in JavaScript. */
const resizes: Kernels['replaced'] = {
  [ResizeBilinearGrad]: () => resizeBilinearGrad,
  [ResizeNearestNeighborGrad]: () => resizeNearestGrad,
};

const convolutions = [Conv2D, DepthwiseConv2dNative, FusedConv2D, FusedDepthwiseConv2D];

/** What every tfjs backend except tensorflow gets wrong. */
const common = (backendName: string): Kernels['replaced'] => ({
  ...same3D(backendName),
  ...sides([AvgPool, MaxPool, ...convolutions]),
  [BatchMatMul]: withBroadcastBatches(backendName),
  [Einsum]: () => einsum(backendName),
  [ExpandDims]: byParts(backendName),
  [FusedBatchNorm]: withPresentInputs,
  [Pack]: byParts(backendName),
  [Reshape]: byParts(backendName),
  [StridedSlice]: withAllAxes,
});

/** What webgl and webgpu get wrong: operations of more than four axes, and the shape of a Fourier transform. */
const ofShaders = (backendName: string): Kernels['replaced'] => ({
  [FFT]: withTransformOfShape(backendName),
  [IFFT]: withTransformOfShape(backendName),
  [PadV2]: padAxes(backendName),
  [Reverse]: reverseAxes(backendName),
  [StridedSlice]: (stock) => stridedSliceAxes(backendName)(withAllAxes(stock)),
});

export const kernels: Readonly<Record<string, Kernels>> = {
  cpu: {
    missing: {},
    replaced: {
      ...common('cpu'),
      ...resizes,
      ...Object.fromEntries([Add, Multiply, Sub].map((name) => [name, withEqualRanks])),
      [FusedBatchNorm]: (stock) => withPresentInputs(withBroadcastStatistics('cpu')(stock)),
      [MaxPool3DGrad]: () => maxPoolGrad,
      [Transform]: withEveryImage,
      [UnsortedSegmentSum]: () => unsortedSegmentSum,
    },
  },
  tensorflow: {
    missing: {},
    replaced: {
      ...Object.fromEntries(convolutions.map((name) => [name, withRounding(name)])),
      [AvgPool]: withPaddedAverages,
      [AvgPool3D]: withPaddedAverages,
      [Conv2DBackpropFilter]: withPaddedFilter,
      [Conv2DBackpropInput]: withPaddedInput,
      [FusedBatchNorm]: withPresentInputs,
      [MaxPool]: withPaddedMaxima,
      [MaxPool3D]: withPaddedMaxima,
      [MaxPoolGrad]: withPaddedGradient,
    },
  },
  webgl: {
    missing: {},
    replaced: {
      ...common('webgl'),
      ...ofShaders('webgl'),
      [BatchMatMul]: (stock) => withOuterProducts(withBroadcastBatches('webgl')(stock)),
      [CropAndResize]: withImagesOfBoxes,
      [UnsortedSegmentSum]: () => unsortedSegmentSumInOnePass,
    },
  },
  webgpu: {
    missing: {},
    replaced: {
      ...common('webgpu'),
      ...ofShaders('webgpu'),
      [Cast]: withFloats,
      [Cumprod]: withForwardScan,
      [Cumsum]: withForwardScan,
      [MaxPool3DGrad]: withPlanes,
      [UnsortedSegmentSum]: withoutSegmentsBeyond,
    },
  },
  wasm: {
    missing: {
      ...denseKernels,
      ...layerNormKernels,
      ...onePassKernels,
      [Conv2DBackpropFilter]: pointwiseBackpropFilter(conv2DBackpropFilter),
      [DepthwiseConv2dNativeBackpropFilter]: depthwiseConv2dBackpropFilter,
      [DepthwiseConv2dNativeBackpropInput]: depthwiseConv2dBackpropInput,
      [Einsum]: einsum('wasm'),
      [UnsortedSegmentSum]: unsortedSegmentSum,
    },
    replaced: {
      ...resizes,
      [AvgPool]: withPadding,
      [AvgPool3D]: (stock) => withMetElements('wasm', stock),
      [BatchMatMul]: batchMatMul,
      [Cast]: cast,
      [Conv2D]: (stock) => pointwise(withExplicitPadding(Conv2D, stock)),
      [Conv2DBackpropInput]: (stock) => pointwiseBackpropInput(conv2DBackpropInput(stock)),
      [Conv3D]: (stock) => withMetElements('wasm', conv3D(stock)),
      [Conv3DBackpropFilterV2]: () => conv3DBackpropFilter,
      [Conv3DBackpropInputV2]: () => conv3DBackpropInput,
      [DepthwiseConv2dNative]: (stock) => withExplicitPadding(DepthwiseConv2dNative, stock),
      [FusedConv2D]: (stock) => pointwise(withExplicitPadding(FusedConv2D, stock)),
      [FusedDepthwiseConv2D]: (stock) => withExplicitPadding(FusedDepthwiseConv2D, stock),
      [Dilation2D]: dilation2D,
      [Exp]: exp,
      [FusedBatchNorm]: (stock) => withPresentInputs(withBroadcastStatistics('wasm')(stock)),
      [_FusedMatMul]: () => fusedMatMul,
      [GatherV2]: gather,
      [Identity]: identity,
      [MaxPool]: withPadding,
      [MaxPool3D]: () => maxPool3D,
      [MaxPool3DGrad]: () => maxPoolGrad,
      [MaxPoolGrad]: () => maxPoolGrad,
      [MaxPoolWithArgmax]: () => maxPoolWithArgmax,
      [Mean]: mean,
      [Reverse]: () => reverse,
      [Select]: select,
      [StridedSlice]: withAllAxes,
      [Sum]: sum,
    },
  },
};
