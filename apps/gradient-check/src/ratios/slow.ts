/** How much slower than its forward pass a gradient may be, and which are slower, with the reason. */
import type { Backend } from '../backends.ts';

/** Two products in place of one, and their sums, take up to four times as long; the rest is room for small kernels. */
export const FACTOR = 10;

export interface Slow {
  /** The beginnings of names in workloads.ts. */
  readonly gradients: readonly string[];
  readonly backends: readonly Backend[];
  readonly reason: string;
}

/** The first entry whose beginning fits is taken. */
export const SLOW: readonly Slow[] = [
  {
    gradients: ['MaxPoolGrad', 'MaxPool3DGrad'],
    backends: ['cpu', 'wasm'],
    reason:
      'over 80 % of the time is in `StridedSlice`, which takes the elements of windows one by one. Only second orders run it.',
  },
  {
    gradients: ['DepthwiseConv2dNative, dilated'],
    backends: ['cpu'],
    reason:
      'tfjs has no gradient of it: transposes, paddings and two convolutions in place of one take a third of the time each.',
  },
  {
    gradients: ['Conv2D', 'DepthwiseConv2dNative', 'AvgPool', 'MaxPool'],
    backends: ['cpu'],
    reason:
      "most of the time is in tfjs' own kernel of the gradient (`Conv2DBackpropFilter` 97 %, `MaxPoolGrad` 93 %, `AvgPoolGrad` 49 to 89 %, `DepthwiseConv2dNativeBackpropFilter` 75 %), which reads each element through a buffer.",
  },
  {
    gradients: ['CropAndResize', 'Transform', 'RotateWithOffset'],
    backends: ['cpu'],
    reason:
      'three quarters of the time are in the products and sums of places and shares, most of which broadcast: the cpu backend then computes the place of each element anew.',
  },
  {
    gradients: ['FusedBatchNorm'],
    backends: ['cpu'],
    reason:
      'over 70 % of the time is in four sums over all axes but the last, which the cpu backend transposes first.',
  },
  {
    gradients: ['SparseSegment', 'ScatterNd', 'TensorScatterUpdate', 'UnsortedSegmentSum'],
    backends: ['cpu'],
    reason:
      'nearly all of the time is in one gather, and in the product with a mask or a count, which broadcast; the forward pass is one loop.',
  },
  {
    gradients: ['GatherV2, batches'],
    backends: ['wasm'],
    reason:
      'nearly half of the time is in adding to each index the place where its batch begins, and most of the other in one scatter.',
  },
  {
    gradients: ['Cumprod'],
    backends: ['cpu', 'wasm', 'tensorflow'],
    reason:
      'the products of all other elements come from a scan that doubles its reach: for 256 elements, eight steps of two shifts, two products and a sum. Dividing would be wrong next to a zero, and so would the gradient of the gradient.',
  },
  {
    gradients: ['Prod'],
    backends: ['cpu', 'wasm', 'tensorflow'],
    reason:
      'nearly all of the time is in two running products, from both ends, in place of one product. Dividing would be wrong next to a zero.',
  },
  {
    gradients: ['AvgPool', 'MaxPool', 'MaxPool, overlapping'],
    backends: ['wasm'],
    reason:
      'most of the time (64 to 97 %) is in `AvgPoolGrad`, a loop of tfjs over numbers, or in `MaxPoolGrad`, a loop in JavaScript, while the forward pass is a kernel of XNNPACK with SIMD.',
  },
  {
    gradients: ['DepthwiseConv2dNative'],
    backends: ['wasm'],
    reason:
      'nearly 90 % of the time is in `DepthwiseConv2dNativeBackpropFilter`, a loop in JavaScript, while the forward pass is a kernel of XNNPACK with SIMD; where the filter is dilated, over 70 % is in convolutions of that kernel with filters as large as the image.',
  },
  {
    gradients: ['TensorScatterUpdate'],
    backends: ['wasm'],
    reason:
      'the forward pass copies whole rows; most of the gradient is the mask of the rows that were replaced, and its product.',
  },
  {
    gradients: ['MirrorPad'],
    backends: ['wasm'],
    reason:
      'the forward pass copies once; the gradient folds both edges of each axis back, by six slices, four paddings and four sums.',
  },
  {
    gradients: ['ResizeBilinear'],
    backends: ['wasm'],
    reason:
      'about 90 % of the time is in `ResizeBilinearGrad`, a loop in JavaScript, while the forward pass is a kernel of XNNPACK with SIMD.',
  },
  {
    gradients: ['ResizeBilinear, half-pixel centres'],
    backends: ['tensorflow'],
    reason:
      'the kernel of tfjs-node has no half-pixel centres: each axis gathers the results that each element has a share in, in six kernels that take the time in about equal parts.',
  },
  {
    gradients: ['ResizeBilinear', 'MaxPool', 'LRN'],
    backends: ['tensorflow'],
    reason: 'TensorFlow itself: its kernel of the gradient takes nearly all of the time.',
  },
  {
    gradients: ['CropAndResize'],
    backends: ['tensorflow', 'wasm'],
    reason:
      'the forward pass is one kernel that reads four pixels for each; the gradient computes their places and shares in sixty small ones, and sums in one that writes all images.',
  },
  {
    gradients: ['EluGrad', 'RealDiv'],
    backends: ['wasm', 'tensorflow'],
    reason:
      'the forward pass is one small kernel; the gradient needs five to nine, none of them much slower.',
  },
  {
    gradients: ['DepthwiseConv2dNative, dilated'],
    backends: ['tensorflow'],
    reason:
      'tfjs has no gradient of it: half of the time is in paddings, and most of the other in two convolutions in place of one.',
  },
  {
    gradients: ['Dilation2D'],
    backends: ['cpu', 'tensorflow'],
    reason:
      'several small kernels for each element of the filter: on cpu 57 % of the time is in strided slices, on tensorflow 67 % in comparisons and products.',
  },
  {
    gradients: ['Tile'],
    backends: ['tensorflow'],
    reason:
      '90 % of the time is in one sum over the axes of the repetitions, so that the number of kernels does not grow with them.',
  },
  {
    gradients: ['Multiply'],
    backends: ['tensorflow'],
    reason:
      'the forward pass is one kernel on complex numbers; the gradient takes real and imaginary parts apart, in thirty.',
  },
];

export const reasonForSlow = (name: string, backend: Backend): string | undefined =>
  SLOW.find(
    ({ gradients, backends }) =>
      backends.includes(backend) && gradients.some((gradient) => name.startsWith(gradient)),
  )?.reason;
