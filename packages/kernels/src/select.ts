import { type KernelFunc, type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `Select` kernel for wasm, which is tf.where: t where the condition holds, and e elsewhere. The stock kernel
 * assumes four bytes per element, so for bool, which has one, it writes past the end of its result.
 *
 * @param stock tfjs' kernel, for elements that have four bytes
 */
export function select(stock: KernelFunc): KernelFunc {
  return (call) => {
    const backend = call.backend as WasmBackend;
    const { condition, t, e } = call.inputs as Record<'condition' | 't' | 'e', TensorInfo>;
    const isPlain = util.arraysEqual(condition.shape, t.shape);
    if (t.dtype !== 'bool' || e.dtype !== 'bool' || !isPlain) return stock(call);
    const out = backend.makeOutput(t.shape, 'bool');
    const values = backend.typedArrayFromHeap(out);
    const [holds, ofT, ofE] = [condition, t, e].map((tensor) => backend.typedArrayFromHeap(tensor));
    for (let i = 0; i < values.length; i++) values[i] = holds![i] ? ofT![i]! : ofE![i]!;
    return out;
  };
}
