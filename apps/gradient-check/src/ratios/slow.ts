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

export const SLOW: readonly Slow[] = [
  {
    gradients: ['Cumprod', 'Prod'],
    backends: ['cpu', 'wasm', 'tensorflow'],
    reason:
      'products of all other elements, by running products: a division would be wrong next to a zero, and so would the gradient of the gradient.',
  },
  {
    gradients: ['AvgPool', 'MaxPool'],
    backends: ['wasm'],
    reason:
      'the forward pass is a kernel of XNNPACK, with SIMD; the gradient is a scalar loop, and that of maxima is in JavaScript.',
  },
  {
    gradients: ['DepthwiseConv2dNative'],
    backends: ['wasm'],
    reason:
      'the forward pass is a kernel of XNNPACK, with SIMD; the gradients are loops in JavaScript.',
  },
  {
    gradients: ['UnsortedSegmentSum', 'TensorScatterUpdate', 'GatherNd'],
    backends: ['wasm'],
    reason:
      "the forward pass moves whole rows; the gradient gathers by kernels of tfjs that move number by number, and masks rows outside, which tfjs' broadcasting does number by number too.",
  },
  {
    gradients: ['MirrorPad'],
    backends: ['wasm'],
    reason:
      'the forward pass copies once; the gradient folds both edges of each axis back by slices, reversals, paddings and sums.',
  },
  {
    gradients: ['ResizeBilinear', 'CropAndResize'],
    backends: ['wasm', 'tensorflow'],
    reason:
      'the forward pass reads four pixels for each; the gradient is two products with matrices of weights, which is right with aligned corners and half-pixel centres alike.',
  },
  {
    gradients: ['EluGrad', 'RealDiv'],
    backends: ['wasm', 'tensorflow'],
    reason: 'the forward pass is one small kernel; the gradient needs five to nine.',
  },
  {
    gradients: ['DepthwiseConv2dNative, dilated'],
    backends: ['tensorflow'],
    reason: 'the gradient is composed of other operations, since those of tfjs take no dilation.',
  },
  {
    gradients: ['Dilation2D'],
    backends: ['cpu', 'tensorflow'],
    reason: 'several small kernels for each element of the filter.',
  },
  {
    gradients: ['MaxPool', 'LRN'],
    backends: ['tensorflow'],
    reason: 'both are kernels of TensorFlow.',
  },
  {
    gradients: ['Tile'],
    backends: ['tensorflow'],
    reason:
      'one sum over the axes of the repetitions, so that the number of kernels does not grow with them.',
  },
  {
    gradients: ['Multiply'],
    backends: ['tensorflow'],
    reason:
      'the forward pass is one kernel on complex numbers; the gradient takes real and imaginary parts apart.',
  },
];

export const reasonForSlow = (name: string, backend: Backend): string | undefined =>
  SLOW.find(
    ({ gradients, backends }) =>
      backends.includes(backend) && gradients.some((gradient) => name.startsWith(gradient)),
  )?.reason;
