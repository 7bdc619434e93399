import {
  _FusedMatMul,
  type _FusedMatMulAttrs,
  Add,
  BatchMatMul,
  Elu,
  type KernelFunc,
  LeakyRelu,
  Prelu,
  Relu,
  Relu6,
  Sigmoid,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { compose } from './compose.ts';

/** The kernels of the activations that a fused product may end with. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: Relu,
  relu6: Relu6,
  elu: Elu,
  leakyrelu: LeakyRelu,
  prelu: Prelu,
  sigmoid: Sigmoid,
};

/**
 * The `_FusedMatMul` kernel for wasm. tfjs' one ignores transposes and takes only the first matrix of a batch, so it is left
 * what it computes rightly: one plain product with a bias. A Dense layer without bias calls it for what is a product alone,
 * which then takes the cheapest way of all products.
 *
 * @param stock tfjs' kernel
 */
export function fusedMatMul(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { a, b, bias, preluActivationWeights } = call.inputs as Record<string, TensorInfo>;
    const { activation, leakyreluAlpha, transposeA, transposeB } = attributes<_FusedMatMulAttrs>(
      call.attrs,
    );
    const isOne = [a, b].every((each) => each!.shape.slice(0, -2).every((size) => size === 1));
    const isLinear = activation == null || activation === 'linear';
    const isProduct = bias === undefined && isLinear;
    const isRight = isOne && !transposeA && !transposeB && bias?.shape.length === 1;
    if (isRight && !isProduct) return stock(call);
    return compose('wasm', call.backend, (run) => {
      const product = run(BatchMatMul, { a: a!, b: b! }, { transposeA, transposeB });
      const sum = bias === undefined ? product : run(Add, { a: product, b: bias });
      if (isLinear) return sum;
      const kernel = ACTIVATIONS[activation];
      if (kernel === undefined)
        throw new Error(`${_FusedMatMul}: ${activation} is not an activation of the wasm backend.`);
      const inputs = kernel === Prelu ? { x: sum, alpha: preluActivationWeights! } : { x: sum };
      return run(kernel, inputs, { alpha: leakyreluAlpha });
    });
  };
}
