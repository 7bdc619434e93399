import type { Threads } from './threads.ts';
import { threadsOf } from './training-threads.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { productsCode } from './wasm-codes.ts';
import { onceABackend, onMemory } from './wasm-module.ts';

/** What wasm-products.c exports. Addresses are those of float32 matrices in the heap of tfjs. */
export interface Products {
  /** Whether multiplication and addition round once, where the machine can: other last bits than without. */
  readonly isRelaxed: boolean;
  /** The threads that call `multiply` for parts of a product; undefined where there is only the main one. */
  readonly threads?: Threads | undefined;
  /** The floats of scratch memory that `multiply` needs. */
  scratchFloats(inner: number, columns: number): number;
  /**
   * out[rows, columns] = a · b, for a [rows, inner], stored as [inner, rows] if `transposeA` is 1, and b [inner, columns],
   * stored as [columns, inner] if `transposeB` is 1. If `adds` is 1, plus what out held; if `bias` is not 0, plus the bias [columns] at
   * that address; not both. No side may be 0. Strides are the floats between rows as stored: larger than a row
   * where the matrix is part of a wider one. The same for `count` products in a row, whose matrices lie so many floats apart.
   */
  multiply(
    a: number,
    b: number,
    out: number,
    rows: number,
    inner: number,
    columns: number,
    transposeA: number,
    transposeB: number,
    strideA: number,
    strideB: number,
    strideOut: number,
    scratch: number,
    adds: number,
    bias: number,
    count: number,
    stepA: number,
    stepB: number,
    stepOut: number,
  ): void;
}

/** The fastest module that the engine takes, on this memory. */
export const connect = (memory: WebAssembly.Memory | undefined): Products | undefined =>
  onMemory(memory, (instantiate) => {
    const { code, isRelaxed } = productsCode();
    return { ...(instantiate(code) as unknown as Products), isRelaxed };
  });

const onMainThread = onceABackend(connect);
const onThreads = new WeakMap<Threads, Products>();

/** Products by our own wasm module, which works in the memory of the backend; undefined where that is impossible. */
export function productsOf(backend: WasmBackend): Products | undefined {
  const products = onMainThread(backend);
  const threads = threadsOf(backend);
  if (products === undefined || threads === undefined) return products;
  let shared = onThreads.get(threads);
  if (shared === undefined) {
    shared = { ...products, threads };
    onThreads.set(threads, shared);
  }
  return shared;
}
