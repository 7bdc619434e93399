import type { WasmBackend } from './wasm-backend.ts';
import { relaxedSimd, simd } from './wasm-products-code.ts';

/** What wasm-products.c exports. Addresses are those of float32 matrices in the heap of tfjs. */
export interface Products {
  /** Whether multiplication and addition round once, where the machine can: other last bits than without. */
  readonly isRelaxed: boolean;
  /** The floats of scratch memory that `multiply` needs. */
  scratchFloats(inner: number, columns: number): number;
  /**
   * out[rows, columns] = a · b, for a [rows, inner], stored as [inner, rows] if `transposeA`, and b [inner, columns],
   * stored as [columns, inner] if `transposeB`. No side may be 0.
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
    scratch: number,
  ): void;
}

const productsByBackend = new WeakMap<WasmBackend, Products | undefined>();

/**
 * Products by our own wasm module, which works in the memory of the backend. Undefined where that is impossible: in an engine
 * without SIMD, under a policy that forbids to compile, and in memory that threads share.
 */
export function productsOf(backend: WasmBackend): Products | undefined {
  if (!productsByBackend.has(backend)) {
    productsByBackend.set(backend, connect(backend.wasm.asm?.memory));
  }
  return productsByBackend.get(backend);
}

/** The fastest module that the engine takes, on this memory. */
export function connect(memory: WebAssembly.Memory | undefined): Products | undefined {
  if (memory === undefined) return undefined;
  try {
    const relaxed = decode(relaxedSimd);
    const isRelaxed = WebAssembly.validate(relaxed);
    const module = new WebAssembly.Module(isRelaxed ? relaxed : decode(simd));
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    return { ...(exports as unknown as Products), isRelaxed };
  } catch {
    return undefined; // tfjs' own products remain
  }
}

const decode = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
