import type { WasmBackend } from './wasm-backend.ts';
import { decode, onceABackend, onMemory } from './wasm-module.ts';
import { relaxedSimd, simd } from './wasm-products-code.ts';

/** What wasm-products.c exports. Addresses are those of float32 matrices in the heap of tfjs. */
export interface Products {
  /** Whether multiplication and addition round once, where the machine can: other last bits than without. */
  readonly isRelaxed: boolean;
  /** The floats of scratch memory that `multiply` needs. */
  scratchFloats(inner: number, columns: number): number;
  /**
   * out[rows, columns] = a · b, plus what out held if `adds`, or plus bias[columns] if that has an address, for a [rows, inner], stored as [inner, rows] if `transposeA`, and b [inner, columns],
   * stored as [columns, inner] if `transposeB`. No side may be 0. Strides are the floats between rows as stored: larger than a row
   * where the matrix is part of a wider one.
   */
  multiply(
    a: number,
    b: number,
    out: number,
    rows: number,
    inner: number,
    columns: number,
    transposeA: boolean,
    transposeB: boolean,
    strideA: number,
    strideB: number,
    strideOut: number,
    scratch: number,
    adds?: boolean,
    bias?: number,
  ): void;
}

/** The fastest module that the engine takes, on this memory. */
export const connect = (memory: WebAssembly.Memory | undefined): Products | undefined =>
  onMemory(memory, (instantiate) => {
    const relaxed = decode(relaxedSimd);
    const isRelaxed = WebAssembly.validate(relaxed);
    const exports = instantiate(isRelaxed ? relaxed : decode(simd));
    return { ...(exports as unknown as Products), isRelaxed };
  });

/** Products by our own wasm module, which works in the memory of the backend; undefined where that is impossible. */
export const productsOf: (backend: WasmBackend) => Products | undefined = onceABackend(connect);
