/** Correct kernels of complex numbers in place of wrong ones of cpu, webgl and webgpu. */
import {
  Complex,
  Imag,
  type KernelFunc,
  Real,
  Reshape,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { compose } from './compose.ts';

const isComplex = ({ dtype }: TensorInfo): boolean => dtype === 'complex64';

/**
 * `ExpandDims`, `Pack` or `Reshape` of complex tensors, which leave the parts behind a result in their old shape on
 * webgl and webgpu, and on cpu give the parts of the operand the new shape: the operation on both parts.
 */
export const byParts =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const inputs = Object.entries(call.inputs) as [string, TensorInfo][];
    if (!inputs.every(([, input]) => isComplex(input))) return stock(call);
    return compose(backendName, call.backend, (run) => {
      const [real, imag] = [Real, Imag].map((kernelName) => {
        const parts = inputs.map(([name, input]) => [name, run(kernelName, { input })]);
        // `Pack` has a list of inputs.
        const named = Object.fromEntries(parts) as Record<string, TensorInfo>;
        return run(stock, Array.isArray(call.inputs) ? Object.values(named) : named, call.attrs);
      });
      return run(Complex, { real: real!, imag: imag! });
    });
  };

/** `FFT` and `IFFT` of webgl and webgpu, which return parts in the shape of rows. */
export const withTransformOfShape =
  (backendName: string) =>
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { input } = call.inputs as { input: TensorInfo };
    const { shape } = input;
    if (shape.length === 2) return stock(call);
    const columns = shape.at(-1)!;
    const rows = { ...input, shape: [util.sizeFromShape(shape) / columns, columns] };
    return compose(backendName, call.backend, (run) =>
      run(Reshape, { x: run(stock, { input: rows }) }, { shape }),
    );
  };

/** `Add`, `Multiply` and `Sub` of cpu, which read past the end of a complex operand with fewer axes than the other. */
export const withEqualRanks =
  (stock: KernelFunc): KernelFunc =>
  (call) => {
    const { a, b } = call.inputs as { a: TensorInfo; b: TensorInfo };
    if (!(isComplex(a) || isComplex(b)) || a.shape.length === b.shape.length) return stock(call);
    const rank = Math.max(a.shape.length, b.shape.length);
    const raised = (x: TensorInfo): TensorInfo => ({
      ...x,
      shape: [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape],
    });
    return stock({ ...call, inputs: { a: raised(a), b: raised(b) } });
  };
