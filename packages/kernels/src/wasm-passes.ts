import type { WasmBackend } from './wasm-backend.ts';
import { decode, onceABackend, onMemory } from './wasm-module.ts';
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

/** The module on this memory. */
export const connectPasses = (memory: WebAssembly.Memory | undefined): Passes | undefined =>
  onMemory(memory, (instantiate) => instantiate(decode(simd)) as unknown as Passes);

/**
 * Passes over memory by a wasm module of our own, which works in the memory of the backend; undefined where that is
 * impossible.
 */
export const passesOf: (backend: WasmBackend) => Passes | undefined = onceABackend(connectPasses);
