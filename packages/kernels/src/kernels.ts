import {
  BatchMatMul,
  Conv2D,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  Conv3D,
  Conv3DBackpropFilterV2,
  Conv3DBackpropInputV2,
  DepthwiseConv2dNative,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
  Einsum,
  FusedConv2D,
  FusedDepthwiseConv2D,
  Identity,
  type KernelFunc,
  MaxPoolGrad,
  Reverse,
  Select,
  UnsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import { batchMatMul } from './batch-mat-mul.ts';
import { conv2DBackpropFilter, conv3DBackpropFilter } from './conv-backprop-filter.ts';
import { conv2DBackpropInput, conv3DBackpropInput } from './conv-backprop-input.ts';
import { conv3D } from './conv3d.ts';
import { depthwiseConv2dBackpropFilter } from './depthwise-conv2d-backprop-filter.ts';
import { depthwiseConv2dBackpropInput } from './depthwise-conv2d-backprop-input.ts';
import { einsum } from './einsum.ts';
import { identity } from './identity.ts';
import { maxPoolGrad } from './max-pool-grad.ts';
import { reverse } from './reverse.ts';
import { withSamePadding } from './same-padding.ts';
import { select } from './select.ts';
import { unsortedSegmentSum } from './unsorted-segment-sum.ts';

/** Kernels of one backend. */
export interface Kernels {
  /** What the backend lacks, registered where the installed tfjs still does. */
  readonly missing: Readonly<Record<string, KernelFunc>>;
  /** What is slow or wrong there: the kernel to run instead of the stock one, or around it. */
  readonly replaced: Readonly<Record<string, (stock: KernelFunc) => KernelFunc>>;
}

export const kernels: Readonly<Record<string, Kernels>> = {
  wasm: {
    missing: {
      [Conv2DBackpropFilter]: conv2DBackpropFilter,
      [DepthwiseConv2dNativeBackpropFilter]: depthwiseConv2dBackpropFilter,
      [DepthwiseConv2dNativeBackpropInput]: depthwiseConv2dBackpropInput,
      [Einsum]: einsum,
      [UnsortedSegmentSum]: unsortedSegmentSum,
    },
    replaced: {
      [BatchMatMul]: batchMatMul,
      [Conv2D]: (stock) => withSamePadding(Conv2D, stock),
      [Conv2DBackpropInput]: conv2DBackpropInput,
      [Conv3D]: conv3D,
      [Conv3DBackpropFilterV2]: () => conv3DBackpropFilter,
      [Conv3DBackpropInputV2]: () => conv3DBackpropInput,
      [DepthwiseConv2dNative]: (stock) => withSamePadding(DepthwiseConv2dNative, stock),
      [FusedConv2D]: (stock) => withSamePadding(FusedConv2D, stock),
      [FusedDepthwiseConv2D]: (stock) => withSamePadding(FusedDepthwiseConv2D, stock),
      [Identity]: identity,
      [MaxPoolGrad]: () => maxPoolGrad,
      [Reverse]: () => reverse,
      [Select]: select,
    },
  },
};
