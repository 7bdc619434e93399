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
  findBackendFactory,
  type GradConfig,
  getGradient,
  getKernel,
  Identity,
  type KernelConfig,
  type KernelFunc,
  MaxPoolGrad,
  Reverse,
  registerGradient,
  registerKernel,
  Select,
  UnsortedSegmentSum,
  unregisterGradient,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import { batchMatMul } from './batch-mat-mul.ts';
import { conv2DBackpropFilter, conv3DBackpropFilter } from './conv-backprop-filter.ts';
import { conv2DBackpropInput, conv3DBackpropInput } from './conv-backprop-input.ts';
import { conv3D } from './conv3d.ts';
import { conv3DTransposeGradient } from './conv3d-transpose-gradient.ts';
import { depthwiseConv2dBackpropFilter } from './depthwise-conv2d-backprop-filter.ts';
import { depthwiseConv2dBackpropInput } from './depthwise-conv2d-backprop-input.ts';
import { einsum } from './einsum.ts';
import { einsumGradient } from './einsum-gradient.ts';
import { identity } from './identity.ts';
import { maxPoolGrad } from './max-pool-grad.ts';
import { reverse } from './reverse.ts';
import { withSamePadding } from './same-padding.ts';
import { select } from './select.ts';
import { unsortedSegmentSum } from './unsorted-segment-sum.ts';

interface Override {
  readonly kernelName: string;
  readonly backendName: string;
  /** The kernel to run instead of, or around, the one tfjs has; null leaves tfjs' own alone. */
  readonly create: (stock: KernelFunc | undefined) => KernelFunc | null;
}

const overrides: readonly Override[] = [
  {
    kernelName: BatchMatMul,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : batchMatMul(stock)),
  },
  {
    kernelName: Conv2DBackpropFilter,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? conv2DBackpropFilter : null),
  },
  {
    kernelName: Conv2DBackpropInput,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : conv2DBackpropInput(stock)),
  },
  {
    kernelName: Conv3D,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : conv3D(stock)),
  },
  {
    kernelName: Conv3DBackpropFilterV2,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : conv3DBackpropFilter),
  },
  {
    kernelName: Conv3DBackpropInputV2,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : conv3DBackpropInput),
  },
  {
    kernelName: DepthwiseConv2dNativeBackpropFilter,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? depthwiseConv2dBackpropFilter : null),
  },
  {
    kernelName: DepthwiseConv2dNativeBackpropInput,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? depthwiseConv2dBackpropInput : null),
  },
  {
    kernelName: Einsum,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? einsum : null),
  },
  {
    kernelName: Identity,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : identity(stock)),
  },
  {
    kernelName: MaxPoolGrad,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : maxPoolGrad),
  },
  {
    kernelName: Reverse,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : reverse),
  },
  {
    kernelName: Select,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? null : select(stock)),
  },
  {
    kernelName: UnsortedSegmentSum,
    backendName: 'wasm',
    create: (stock) => (stock === undefined ? unsortedSegmentSum : null),
  },
  ...[Conv2D, DepthwiseConv2dNative, FusedConv2D, FusedDepthwiseConv2D].map(
    (kernelName): Override => ({
      kernelName,
      backendName: 'wasm',
      create: (stock) => (stock === undefined ? null : withSamePadding(kernelName, stock)),
    }),
  ),
];

/** What no backend can differentiate in tfjs. */
const gradients: readonly GradConfig[] = [conv3DTransposeGradient, einsumGradient];

// The stock kernel travels on the registered config, so that a second copy of this package recognises
// what the first one registered: tfjs' registry is one per process, module state is one per copy.
const STOCK: unique symbol = Symbol.for('tfjs-lrm/kernels/stock');
type Registered = KernelConfig & { readonly [STOCK]?: KernelConfig | null };

type RegisteredGradient = GradConfig & { readonly [STOCK]?: null };

const find = (kernelName: string, backendName: string): Registered | undefined =>
  getKernel(kernelName, backendName) as Registered | undefined;

/**
 * Registers what tfjs lacks for training. On wasm: a `BatchMatMul` that is fast for transposed and batched operands,
 * an `Identity` that does not copy, `UnsortedSegmentSum`, without which no embedding trains, the gradients of
 * convolutions, plain and depthwise, and `Einsum`; and in place of what is slow or wrong there, `Conv3D`, `Reverse`, gradients of
 * 2D and 3D convolutions, the gradient of max pooling in negative windows, `tf.where` of bools, and convolutions whose
 * stride is larger than the filter. On every backend: the gradients of `tf.einsum` and of `tf.conv3dTranspose`.
 *
 * Call it once, after importing the backends and at any time before or after `tf.setBackend`. It changes no
 * kernel of other backends, and needs no wasm backend, so that one program runs everywhere. Calling it again is
 * harmless, and needed only if the wasm backend was imported after the first call. What tfjs has is kept and
 * comes back with {@link disableTraining}.
 *
 * @example
 * import '@tensorflow/tfjs-backend-wasm';
 *
 * enableTraining();
 * await tf.setBackend('wasm');
 */
export function enableTraining(): void {
  for (const { kernelName, backendName, create } of overrides) {
    if (!findBackendFactory(backendName)) continue;
    const stock = find(kernelName, backendName);
    if (stock?.[STOCK] !== undefined) continue;
    const kernelFunc = create(stock?.kernelFunc);
    if (kernelFunc === null) continue;
    // Registering over a kernel makes tfjs print a warning; a free name does not.
    if (stock !== undefined) unregisterKernel(kernelName, backendName);
    const config: Registered = {
      ...stock,
      kernelName,
      backendName,
      kernelFunc,
      [STOCK]: stock ?? null,
    };
    registerKernel(config);
  }
  for (const gradient of gradients) {
    if (getGradient(gradient.kernelName)) continue;
    const config: RegisteredGradient = { ...gradient, [STOCK]: null };
    registerGradient(config);
  }
}

/**
 * Takes back what {@link enableTraining} registered: every backend has tfjs' own kernels again.
 *
 * @example
 * enableTraining();
 * disableTraining(); // for example to measure the difference
 */
export function disableTraining(): void {
  for (const { kernelName, backendName } of overrides) {
    const stock = find(kernelName, backendName)?.[STOCK];
    if (stock === undefined) continue;
    unregisterKernel(kernelName, backendName);
    if (stock !== null) registerKernel(stock);
  }
  for (const { kernelName } of gradients) {
    const gradient: RegisteredGradient | undefined = getGradient(kernelName);
    if (gradient?.[STOCK] === null) unregisterGradient(kernelName);
  }
}
