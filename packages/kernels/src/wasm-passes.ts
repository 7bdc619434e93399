import { partsOfPass } from './pass-parts.ts';
import type { Threads } from './threads.ts';
import { threadsOf } from './training-threads.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { passesCode } from './wasm-codes.ts';
import { onceABackend, onMemory } from './wasm-module.ts';

/** A function of addresses in the heap of tfjs, of sizes and of numbers, in the order that wasm-passes.c says. */
type Pass = (...values: number[]) => number;

/** What wasm-passes.c exports. */
export type Passes = Readonly<
  Record<
    | 'adam'
    | 'crossEntropy'
    | 'crossEntropyGradient'
    | 'exp'
    | 'gatedSilu'
    | 'gatedSiluGradient'
    | 'gather'
    | 'layerNorm'
    | 'layerNormGradient'
    | 'rmsNorm'
    | 'rmsNormGradient'
    | 'rotate'
    | 'scale'
    | 'scaleGradient'
    | 'softmax'
    | 'softmaxGradient'
    | 'sum'
    | 'turnHeads',
    Pass
  >
>;

/** The module on this memory. */
export const connectPasses = (memory: WebAssembly.Memory | undefined): Passes | undefined =>
  onMemory(memory, (instantiate) => instantiate(passesCode()) as unknown as Passes);

const onMainThread = onceABackend(connectPasses);
const onThreads = new WeakMap<Threads, Passes>();

/** The same passes, in parts on several threads where one is large and consists of parts. */
const shared = (passes: Passes, threads: Threads): Passes =>
  Object.fromEntries(
    Object.entries(passes).map(([name, pass]): [string, Pass] => [
      name,
      (...values) => {
        const parts = partsOfPass(name, values, threads.count);
        if (parts === undefined) return pass(...values);
        threads.run(name, parts);
        return 0;
      },
    ]),
  ) as Passes;

/**
 * Passes over memory by a wasm module of our own, which works in the memory of the backend; undefined where that is
 * impossible.
 */
export function passesOf(backend: WasmBackend): Passes | undefined {
  const passes = onMainThread(backend);
  const threads = threadsOf(backend);
  if (passes === undefined || threads === undefined) return passes;
  let onAll = onThreads.get(threads);
  if (onAll === undefined) {
    onAll = shared(passes, threads);
    onThreads.set(threads, onAll);
  }
  return onAll;
}
