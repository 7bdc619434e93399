import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `Identity` kernel for wasm: the same data under a new tensor, reference-counted, as on tfjs' other backends. The
 * stock kernel copies, and a gradient tape clones every tensor that it saves.
 *
 * @param stock tfjs' kernel, for strings, whose data is not on the heap
 */
export function identity(stock: KernelFunc): KernelFunc {
  return (call) => {
    const { dataId, shape, dtype } = call.inputs['x'] as TensorInfo;
    if (dtype === 'string') return stock(call);
    (call.backend as WasmBackend).incRef(dataId);
    return { dataId, shape, dtype };
  };
}
