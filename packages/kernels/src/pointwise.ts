/**
 * Convolutions of two dimensions whose filter is one element, at each position of what they read, for wasm: products of
 * matrices, which need no patches.
 */
import type { FusedConv2DAttrs, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { multiplyRows } from './last-axis.ts';

type Attributes = FusedConv2DAttrs & {
  readonly filterShape?: number[];
  readonly inputShape?: number[];
};

/** Whether a convolution of this filter meets each position once, and nothing around it. */
function isPointwise(
  filterShape: readonly number[],
  { strides, pad, dataFormat }: Attributes,
): boolean {
  const isStepOfOne = [strides].flat().every((stride) => stride === 1);
  const isUnpadded = pad === 'same' || pad === 'valid' || pad === 0;
  return (
    filterShape[0] === 1 &&
    filterShape[1] === 1 &&
    isStepOfOne &&
    isUnpadded &&
    dataFormat !== 'NCHW'
  );
}

/**
 * `Conv2D` and `FusedConv2D`: x · filter + bias.
 *
 * @param general the kernel for all other filters and, since XNNPACK applies them while it multiplies, for activations
 */
export function pointwise(general: KernelFunc): KernelFunc {
  return (call) => {
    const { x, filter, bias } = call.inputs as Record<'x' | 'filter', TensorInfo> & {
      bias?: TensorInfo;
    };
    const attrs = attributes<Attributes>(call.attrs);
    const isLinear = attrs.activation == null || attrs.activation === 'linear';
    if (!isLinear || !isPointwise(filter.shape, attrs)) return general(call);
    const product = multiplyRows(call.backend, [x, filter], {}, bias);
    return { ...product, shape: [...x.shape.slice(0, -1), filter.shape.at(-1)!] };
  };
}

/**
 * `Conv2DBackpropInput`: dy · filterᵀ.
 *
 * @param general the kernel for all other filters
 */
export function pointwiseBackpropInput(general: KernelFunc): KernelFunc {
  return (call) => {
    const { dy, filter } = call.inputs as Record<'dy' | 'filter', TensorInfo>;
    const attrs = attributes<Attributes>(call.attrs);
    if (!isPointwise(filter.shape, attrs)) return general(call);
    const product = multiplyRows(call.backend, [dy, filter], { transposeB: true });
    return { ...product, shape: [...dy.shape.slice(0, -1), filter.shape.at(-2)!] };
  };
}

/**
 * `Conv2DBackpropFilter`: xᵀ · dy.
 *
 * @param general the kernel for all other filters
 */
export function pointwiseBackpropFilter(general: KernelFunc): KernelFunc {
  return (call) => {
    const { x, dy } = call.inputs as Record<'x' | 'dy', TensorInfo>;
    const attrs = attributes<Attributes>(call.attrs);
    const filterShape = attrs.filterShape as number[];
    if (!isPointwise(filterShape, attrs)) return general(call);
    const product = multiplyRows(call.backend, [x, dy], { transposeA: true });
    return { ...product, shape: [...filterShape] };
  };
}
