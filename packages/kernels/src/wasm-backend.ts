import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';

type DataId = TensorInfo['dataId'];

/** The part of tfjs' BackendWasm that kernels use, typed here so that the package needs no import of it. */
export interface WasmBackend {
  readonly wasm: {
    /** The heap. Replaced when the heap grows, so never keep a reference to it. */
    readonly HEAPU8: Uint8Array;
    /** The exports of the module, among them the memory that `HEAPU8` shows. */
    readonly asm?: { readonly memory?: WebAssembly.Memory };
    /** The same in tfjs' build for threads, which imports its memory. */
    readonly wasmMemory?: WebAssembly.Memory;
    _malloc(bytes: number): number;
    _free(address: number): void;
    /**
     * An exported C function. If all arguments are of type 'number', the result is the bare export, without a wrapper.
     */
    cwrap(name: string, result: null, args: readonly 'number'[]): (...args: number[]) => void;
    readonly tfjs: {
      registerTensor(id: number, size: number, address: number): void;
      disposeData(id: number): void;
    };
  };
  /** What the backend stores about a tensor's data, shared by all its reshapes; `shape` is the one at creation. */
  readonly dataIdMap: { get(dataId: DataId): { memoryOffset: number; shape: number[] } };
  /** The next number that identifies a tensor in C++. */
  dataIdNextNumber: number;
  /** Removes one reference to the data, and frees it with the last one. */
  disposeData(dataId: DataId): boolean;
  /** Adds one reference to the data. */
  incRef(dataId: DataId): void;
  dispose(): void;
  /** Space for a tensor, uninitialised. */
  makeOutput(shape: number[], dtype: DataType): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): Float32Array | Int32Array | Uint8Array;
}

/** The memory of the heap; undefined where tfjs hides it. */
export const memoryOf = ({ wasm }: WasmBackend): WebAssembly.Memory | undefined =>
  wasm.wasmMemory ?? wasm.asm?.memory;

/** The byte address of a tensor's elements on the heap. */
export const addressOf = (backend: WasmBackend, { dataId }: TensorInfo): number =>
  backend.dataIdMap.get(dataId).memoryOffset;

/** Space for so many numbers of float64, to be disposed of: a tensor of twice as many of float32. */
export const roomForSums = (backend: WasmBackend, count: number): TensorInfo =>
  backend.makeOutput([2 * count], 'float32');
