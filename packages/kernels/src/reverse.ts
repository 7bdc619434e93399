import { type KernelFunc, type ReverseAttrs, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { attributes } from './attributes.ts';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `Reverse` kernel for wasm, which `goBackwards` and so every Bidirectional layer needs: out[…, i, …] =
 * x[…, size − 1 − i, …] along each of `dims`.
 *
 * Any rank and dtype. Stock wasm computes the position of each element from its coordinates; this kernel moves
 * everything behind the last reversed axis as one block.
 */
export const reverse: KernelFunc = ({ inputs, backend: anyBackend, attrs }) => {
  const backend = anyBackend as WasmBackend;
  const { x } = inputs as { x: TensorInfo };
  const { dims } = attributes<ReverseAttrs>(attrs);
  const axes = new Set(util.parseAxisParam(dims, x.shape));
  const last = Math.max(...axes, -1);
  const out = backend.makeOutput(x.shape, x.dtype);
  const run = util.sizeFromShape(x.shape.slice(last + 1));
  const outer = x.shape.slice(0, last + 1);
  const strides = util.computeStrides([...outer, run]);
  // Creating the output may grow the heap, which detaches all arrays created before.
  const to = backend.typedArrayFromHeap(out);
  const from = backend.typedArrayFromHeap(x);

  let at = 0;
  function copy(source: number): void {
    for (let i = 0; i < run; i++) to[at + i] = from[source + i] as number;
    at += run;
  }
  function walk(axis: number, source: number): void {
    if (axis > last) {
      copy(source);
      return;
    }
    const [size, stride] = [outer[axis] as number, strides[axis] as number];
    const isReversed = axes.has(axis);
    for (let i = 0; i < size; i++)
      walk(axis + 1, source + (isReversed ? size - 1 - i : i) * stride);
  }
  if (from.length > 0) walk(0, 0);
  return out;
};
