import type { WasmBackend } from './wasm-backend.ts';
import { simd } from './wasm-passes-code.ts';

/** A function of addresses in the heap of tfjs, of sizes and of numbers, in the order that wasm-passes.c says. */
type Pass = (...values: number[]) => number;

/** What wasm-passes.c exports. */
export type Passes = Readonly<
  Record<
    | 'adam'
    | 'gatedSilu'
    | 'gatedSiluGradient'
    | 'gather'
    | 'rmsNorm'
    | 'rmsNormGradient'
    | 'rotate'
    | 'scale'
    | 'scaleGradient'
    | 'sum',
    Pass
  >
>;

const passesByBackend = new WeakMap<WasmBackend, Passes | undefined>();

/**
 * Passes over memory by a wasm module of our own, which works in the memory of the backend. Undefined where that is
 * impossible: in an engine without SIMD, under a policy that forbids to compile, and in memory that threads share.
 */
export function passesOf(backend: WasmBackend): Passes | undefined {
  if (!passesByBackend.has(backend)) {
    passesByBackend.set(backend, connectPasses(backend.wasm.asm?.memory));
  }
  return passesByBackend.get(backend);
}

/** The module on this memory. */
export function connectPasses(memory: WebAssembly.Memory | undefined): Passes | undefined {
  if (memory === undefined) return undefined;
  try {
    const code = Uint8Array.from(atob(simd), (character) => character.charCodeAt(0));
    const module = new WebAssembly.Module(code);
    return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Passes;
  } catch {
    return undefined; // what needs the module is computed by several kernels of tfjs
  }
}
