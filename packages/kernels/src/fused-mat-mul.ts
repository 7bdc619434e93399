import {
  type _FusedMatMulAttrs,
  BatchMatMul,
  getKernel,
  type KernelFunc,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';

/**
 * The `_FusedMatMul` kernel for wasm: a Dense layer without bias calls it for what is a plain product, which then takes the
 * cheapest way of all products.
 *
 * @param stock tfjs' kernel, for products with a bias or an activation
 */
export function fusedMatMul(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { a, b, bias, preluActivationWeights } = call.inputs as Record<string, TensorInfo>;
    const { activation, transposeA, transposeB } = attributes<_FusedMatMulAttrs>(call.attrs);
    const isPlain = bias === undefined && preluActivationWeights === undefined;
    const product = getKernel(BatchMatMul, 'wasm')?.kernelFunc;
    if (!isPlain || (activation && activation !== 'linear') || product === undefined)
      return stock(call);
    const inputs = { a, b } as Record<string, TensorInfo>;
    return product({ inputs, backend: call.backend, attrs: { transposeA, transposeB } });
  };
}
