import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import { addressOf, roomForSums, type WasmBackend } from './wasm-backend.ts';
import { type Passes, passesOf } from './wasm-passes.ts';

/** What a kernel is given. */
export interface Call {
  readonly passes: Passes;
  /** An input that is always there. */
  input(name: string): TensorInfo;
  /** An input that is a list. */
  list(name: string): readonly TensorInfo[];
  /** The address of an input, or of one of a list, or 0 where it was left out. */
  address(name: string, index?: number): number;
  /** An output, with its address. */
  output(shape: number[]): readonly [TensorInfo, number];
  /** The address of room for so many sums in float64, until the kernel has run. */
  sums(count: number): number;
  readonly attrs: Readonly<Record<string, number>>;
}

/** A kernel that runs a pass of our module; it gives no output where the module cannot be. */
export function onePass(compute: (call: Call) => TensorInfo[]): KernelFunc {
  return ({ inputs, backend: anyBackend, attrs }) => {
    const backend = anyBackend as WasmBackend;
    const passes = passesOf(backend);
    if (passes === undefined) return [];
    const tensors = inputs as Readonly<
      Record<string, TensorInfo | readonly TensorInfo[] | undefined>
    >;
    const listOf = (name: string): readonly TensorInfo[] =>
      [tensors[name] ?? []].flat() as TensorInfo[];
    const scratch: TensorInfo[] = [];
    const outputs = compute({
      passes,
      input: (name) => tensors[name] as TensorInfo,
      list: listOf,
      address(name, index = 0) {
        const tensor = listOf(name)[index];
        return tensor === undefined ? 0 : addressOf(backend, tensor);
      },
      output(shape) {
        const out = backend.makeOutput(shape, 'float32');
        return [out, addressOf(backend, out)];
      },
      sums(count) {
        const room = roomForSums(backend, count);
        scratch.push(room);
        return addressOf(backend, room);
      },
      attrs: attributes<Record<string, number>>(attrs),
    });
    for (const room of scratch) backend.disposeData(room.dataId);
    return outputs;
  };
}
