import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';

/** The part of tfjs' MathBackendCPU that kernels use. */
interface CpuBackend {
  readonly data: { get(dataId: TensorInfo['dataId']): { values: Float32Array | Int32Array } };
  makeTensorInfo(shape: number[], dtype: DataType, values: Float32Array): TensorInfo;
}

const isWasm = (backend: object): backend is WasmBackend => 'typedArrayFromHeap' in backend;

/** A tensor of zeros on cpu or wasm. Creating it may grow the wasm heap, which detaches all arrays read before. */
export function makeZeros(backend: object, shape: number[]): TensorInfo {
  if (isWasm(backend)) {
    const out = backend.makeOutput(shape, 'float32');
    backend.typedArrayFromHeap(out).fill(0);
    return out;
  }
  const size = shape.reduce((product, side) => product * side, 1);
  return (backend as CpuBackend).makeTensorInfo(shape, 'float32', new Float32Array(size));
}

/** The values of a tensor on cpu or wasm, not copied. */
export const valuesOf = (backend: object, tensor: TensorInfo): Float32Array | Int32Array =>
  isWasm(backend)
    ? (backend.typedArrayFromHeap(tensor) as Float32Array)
    : (backend as CpuBackend).data.get(tensor.dataId).values;
