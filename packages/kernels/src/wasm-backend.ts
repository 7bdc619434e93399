import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';

type DataId = TensorInfo['dataId'];

/** The part of tfjs' BackendWasm that kernels use, typed here so that the package needs no import of it. */
export interface WasmBackend {
  readonly wasm: {
    /** The heap. Replaced when the heap grows, so never kept. */
    readonly HEAPU8: Uint8Array;
    _malloc(bytes: number): number;
    _free(address: number): void;
    /** An exported C function. Arguments of type 'number' alone make it the bare export, without a wrapper. */
    cwrap(name: string, result: null, args: readonly 'number'[]): (...args: number[]) => void;
    readonly tfjs: {
      registerTensor(id: number, size: number, address: number): void;
      disposeData(id: number): void;
    };
  };
  /** What the backend knows of a tensor's data, shared by all its reshapes; `shape` is that of creation. */
  readonly dataIdMap: { get(dataId: DataId): { memoryOffset: number; shape: number[] } };
  /** The next number by which C++ will know a tensor. */
  dataIdNextNumber: number;
  /** Counts one tensor less on the data, and frees it with the last. */
  disposeData(dataId: DataId): boolean;
  /** Counts one more tensor on the same data. */
  incRef(dataId: DataId): void;
  /** Space for a tensor; its contents are whatever was there. */
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Int32Array | Uint8Array;
}

/** Where the elements of a tensor begin on the heap, in bytes. */
export const addressOf = (backend: WasmBackend, { dataId }: TensorInfo): number =>
  backend.dataIdMap.get(dataId).memoryOffset;
