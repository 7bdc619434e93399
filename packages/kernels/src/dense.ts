/**
 * What a Dense layer does, as one operation for inputs of any rank. tfjs reshapes the input, transposes the kernel in place,
 * reshapes it, reshapes both again, multiplies and reshapes twice, and as much again in the backward pass: 25 kernels and
 * as many tensors for three products.
 */
import {
  engine,
  getBackend,
  getKernel,
  type KernelFunc,
  type Tensor,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { multiplyRows } from './last-axis.ts';

/** y[…, m] = x[…, n] · kernel[n, m] + bias[m], with the kernel stored as [m, n] where `transposeKernel` says so. */
export const DENSE = 'LrmDense';
/** dkernel[n, m] = Σ x[…, n] ⊗ dy[…, m] over all leading axes. */
export const DENSE_GRADIENT = 'LrmDenseGradient';

const dense: KernelFunc = ({ inputs, backend, attrs }) => {
  const { x, kernel, bias } = inputs as Record<'x' | 'kernel', TensorInfo> & { bias?: TensorInfo };
  const { transposeKernel } = attributes<{ transposeKernel: boolean }>(attrs);
  const product = multiplyRows(backend, [x, kernel], { transposeB: transposeKernel }, bias);
  return { ...product, shape: [...x.shape.slice(0, -1), product.shape.at(-1)!] };
};

const denseGradient: KernelFunc = ({ inputs, backend }) => {
  const { x, dy } = inputs as Record<'x' | 'dy', TensorInfo>;
  const product = multiplyRows(backend, [x, dy], { transposeA: true });
  return { ...product, shape: product.shape.slice(1) };
};

/** By their names in tfjs' registry. */
export const denseKernels: Readonly<Record<string, KernelFunc>> = {
  [DENSE]: dense,
  [DENSE_GRADIENT]: denseGradient,
};

/** Whether the backend has the operation, and it takes this input. */
export const isDense = (x: Tensor): boolean =>
  getKernel(DENSE, getBackend()) !== undefined && x.dtype === 'float32' && x.rank >= 2;

/** x · kernel + bias, with the kernel stored the other way round for `transposeKernel`. */
export function runDense(
  x: Tensor,
  kernel: Tensor,
  bias?: Tensor,
  transposeKernel: boolean = false,
): Tensor {
  const inputs = bias === undefined ? { x, kernel } : { x, kernel, bias };
  return engine().runKernel(DENSE, inputs, { transposeKernel });
}

/** Σ x ⊗ dy over all leading axes. */
export const runDenseGradient = (x: Tensor, dy: Tensor): Tensor =>
  engine().runKernel(DENSE_GRADIENT, { x, dy });
