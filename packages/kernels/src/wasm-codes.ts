import { decode } from './wasm-module.ts';
import { simd as passes } from './wasm-passes-code.ts';
import { relaxedSimd, simd } from './wasm-products-code.ts';

/** The fastest code of products that the engine takes. */
export function productsCode(): {
  readonly code: Uint8Array<ArrayBuffer>;
  /** Whether multiplication and addition round once, where the machine can. */
  readonly isRelaxed: boolean;
} {
  const relaxed = decode(relaxedSimd);
  const isRelaxed = WebAssembly.validate(relaxed);
  return { code: isRelaxed ? relaxed : decode(simd), isRelaxed };
}

export const passesCode = (): Uint8Array<ArrayBuffer> => decode(passes);
