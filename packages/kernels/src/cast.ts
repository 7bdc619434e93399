import type { CastAttrs, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `Cast` kernel for wasm: to bool, everything except zero is true. The stock kernel rounds toward zero, so that 0.5
 * becomes false and 2 stays 2.
 *
 * @param stock tfjs' kernel, for other types
 */
export function cast(stock: KernelFunc): KernelFunc {
  return (call) => {
    const backend = call.backend as WasmBackend;
    const { x } = call.inputs as { x: TensorInfo };
    const { dtype } = attributes<CastAttrs>(call.attrs);
    if (dtype !== 'bool' || (x.dtype !== 'float32' && x.dtype !== 'int32')) return stock(call);
    const out = backend.makeOutput(x.shape, 'bool');
    const [to, from] = [backend.typedArrayFromHeap(out), backend.typedArrayFromHeap(x)];
    for (let i = 0; i < to.length; i++) to[i] = from[i] === 0 ? 0 : 1;
    return out;
  };
}
