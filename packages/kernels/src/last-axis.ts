/** Tensors as matrices: the last axis by all the others. */
import { _FusedMatMul, BatchMatMul, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { compose } from './compose.ts';

/** The sides of a tensor [..., width] as a matrix. */
export const rowsOf = ({ shape }: TensorInfo): [rows: number, width: number] => [
  util.sizeFromShape(shape.slice(0, -1)),
  shape.at(-1)!,
];

/** A batch of one matrix, which is the rank that the kernels of products want. */
const asMatrix = (tensor: TensorInfo): TensorInfo => ({ ...tensor, shape: [1, ...rowsOf(tensor)] });

/** The product of two tensors as matrices, and a bias, on the wasm backend: [1, rows, columns]. */
export function multiplyRows(
  backend: unknown,
  [a, b]: readonly [TensorInfo, TensorInfo],
  transposes: { readonly transposeA?: boolean; readonly transposeB?: boolean },
  bias?: TensorInfo,
): TensorInfo {
  const operands = { a: asMatrix(a), b: asMatrix(b) };
  const attrs = { transposeA: false, transposeB: false, ...transposes };
  return compose('wasm', backend, (run) =>
    bias === undefined
      ? run(BatchMatMul, operands, attrs)
      : run(_FusedMatMul, { ...operands, bias }, { ...attrs, activation: 'linear' }),
  );
}
