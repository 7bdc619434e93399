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
 * The `_FusedMatMul` kernel for wasm: a `BatchMatMul` by the cheapest way there is, which adds a bias of one axis while it multiplies, and then
 * the activation. tfjs' own ignores transposes, takes only the first matrix of a batch and multiplies by what another shape of the same data
 * has packed.
 */
export const fusedMatMul: KernelFunc = ({ inputs, backend, attrs }) => {
  const { a, b, bias, preluActivationWeights } = inputs as Record<string, TensorInfo>;
  const { activation, leakyreluAlpha, transposeA, transposeB } =
    attributes<_FusedMatMulAttrs>(attrs);
  const columns = b!.shape.at(transposeB ? -2 : -1);
  const isRow = bias?.shape.length === 1 && bias.shape[0] === columns && bias.dtype === 'float32';
  return compose('wasm', backend, (run) => {
    const operands = { a: a!, b: b!, ...(isRow && { bias }) };
    const product = run(BatchMatMul, operands, { transposeA, transposeB });
    const sum = bias === undefined || isRow ? product : run(Add, { a: product, b: bias });
    if (activation == null || activation === 'linear') return sum;
    const kernel = ACTIVATIONS[activation];
    if (kernel === undefined)
      throw new Error(`${_FusedMatMul}: ${activation} is not an activation of the wasm backend.`);
    const inputsOfActivation =
      kernel === Prelu ? { x: sum, alpha: preluActivationWeights! } : { x: sum };
    return run(kernel, inputsOfActivation, { alpha: leakyreluAlpha });
  });
};
