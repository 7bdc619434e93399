import { type DataType, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';

/** The part of tfjs' MathBackendCPU that kernels use. */
interface CpuBackend {
  readonly data: { get(dataId: TensorInfo['dataId']): { values: Float32Array | Int32Array } };
  makeTensorInfo(shape: number[], dtype: DataType, values: ArrayLike<number>): TensorInfo;
}

export const isWasm = (backend: object): backend is WasmBackend => 'typedArrayFromHeap' in backend;

/** A tensor of zeros on cpu or wasm. Creating it may grow the wasm heap, which detaches all arrays read before. */
export function makeZeros(
  backend: object,
  shape: number[],
  dtype: 'float32' | 'int32' = 'float32',
): TensorInfo {
  if (isWasm(backend)) {
    const out = backend.makeOutput(shape, dtype);
    backend.typedArrayFromHeap(out).fill(0);
    return out;
  }
  const zeros = util.makeZerosTypedArray(util.sizeFromShape(shape), dtype);
  return (backend as CpuBackend).makeTensorInfo(shape, dtype, zeros);
}

/** The values of a tensor on cpu or wasm, not copied. */
export const valuesOf = (backend: object, tensor: TensorInfo): Float32Array | Int32Array =>
  isWasm(backend)
    ? (backend.typedArrayFromHeap(tensor) as Float32Array)
    : (backend as CpuBackend).data.get(tensor.dataId).values;
