import {
  findBackendFactory,
  type GradConfig,
  getGradient,
  getKernel,
  type KernelConfig,
  registerGradient,
  registerKernel,
  unregisterGradient,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import type { Gradient } from './gradients/gradient.ts';
import { gradients } from './gradients.ts';
import { kernelExamples } from './kernel-examples.ts';
import { kernels } from './kernels.ts';
import { disableLayers, enableLayers } from './layer-methods.ts';
import { areKernelsRight, areRight } from './probe.ts';
import { useThreads } from './training-threads.ts';

// The original from tfjs is attached to its replacement, so that a second copy of this package recognises what the
// first one registered: tfjs' registry is one per process, module state is one per copy.
const STOCK: unique symbol = Symbol.for('tfjs-lrm/kernels/stock');
type Registered<T> = T & { readonly [STOCK]?: T | null };

/** How {@link enableTraining} lets backends compute. */
export interface TrainingOptions {
  /**
   * On how many threads the wasm backend computes products and large passes over memory, with the main one: 1 to 64, at best as many as
   * there are idle cores. In Node it takes memory that can be shared only at its start, so ask before `tf.setBackend`. A page must be
   * isolated from other origins; elsewhere there is one thread, and {@link trainingThreads} says why. Left out: as before, and 1 at first.
   */
  readonly threads?: number;
}

/**
 * Registers what tfjs lacks, computes slowly or computes wrongly in training.
 *
 * On every backend: gradients that the installed tfjs refuses, computes in loops or gets wrong; the package's README
 * lists them. On wasm also kernels: a `BatchMatMul` that is fast for transposed and batched operands, an `Identity`
 * that does not copy, what embeddings, convolutions and einsum need, and correct kernels in place of wrong ones.
 *
 * Call it once, after importing tfjs and its backends, at any time before or after `tf.setBackend`. It does not require
 * any backend, so one program runs everywhere. Calling it again is harmless, and needed only if a backend or tfjs'
 * layers were imported after the first call. Whatever tfjs gets right is left alone, and {@link disableTraining} undoes
 * the rest.
 *
 * @example
 * import '@tensorflow/tfjs-backend-wasm';
 *
 * enableTraining();
 * await tf.setBackend('wasm');
 */
export function enableTraining({ threads }: TrainingOptions = {}): void {
  if (threads !== undefined) useThreads(threads);
  enableGradients();
  enableLayers();
  for (const [backendName, { missing, replaced }] of Object.entries(kernels)) {
    if (!findBackendFactory(backendName)) continue;
    for (const [kernelName, kernelFunc] of Object.entries(missing))
      if (find(kernelName, backendName) === undefined)
        replace({ kernelName, backendName, kernelFunc }, undefined);
    const kept = rightKernels(backendName, Object.keys(replaced));
    for (const [kernelName, create] of Object.entries(replaced)) {
      const stock = find(kernelName, backendName);
      if (stock === undefined || stock[STOCK] !== undefined || kept.has(kernelName)) continue;
      replace({ ...stock, kernelFunc: create(stock.kernelFunc) }, stock);
    }
  }
}

/** The tfjs kernels that have an example to test them with, and get it right. */
function rightKernels(backendName: string, kernelNames: readonly string[]): Set<string> {
  const examples = Object.entries(kernelExamples[backendName] ?? {}).filter(([kernelName]) => {
    const stock = find(kernelName, backendName);
    return kernelNames.includes(kernelName) && stock !== undefined && stock[STOCK] === undefined;
  });
  const right = areKernelsRight(
    backendName,
    examples.map(([, example]) => example),
  );
  return new Set(examples.flatMap(([kernelName], i) => (right?.[i] ? [kernelName] : [])));
}

const find = (kernelName: string, backendName: string): Registered<KernelConfig> | undefined =>
  getKernel(kernelName, backendName);

function replace(config: KernelConfig, stock: KernelConfig | undefined): void {
  // Registering over a kernel makes tfjs print a warning, so the name is freed first.
  if (stock !== undefined) unregisterKernel(config.kernelName, config.backendName);
  const marked: Registered<KernelConfig> = { ...config, [STOCK]: stock ?? null };
  registerKernel(marked);
}

const findGradient = (kernelName: string): Registered<GradConfig> | undefined =>
  getGradient(kernelName);

const nameOf = (gradient: Gradient): string =>
  'create' in gradient ? gradient.kernelName : gradient.gradient.kernelName;

const isOnLoadedBackend = (gradient: Gradient): boolean =>
  'backends' in gradient && (gradient.backends ?? []).some((name) => findBackendFactory(name));

function enableGradients(): void {
  const ofTfjs = gradients.filter(
    (gradient) => findGradient(nameOf(gradient))?.[STOCK] === undefined,
  );
  // A gradient that tfjs lacks needs no example.
  const tried = ofTfjs.flatMap((gradient) => {
    const { example } = gradient;
    const isPresent = findGradient(nameOf(gradient)) !== undefined;
    return isPresent && example !== undefined ? [{ gradient, example }] : [];
  });
  const right = areRight(tried.map(({ example }) => example));
  const kept = new Set(
    tried.flatMap(({ gradient }, i) =>
      right?.[i] && !isOnLoadedBackend(gradient) ? [gradient] : [],
    ),
  );
  for (const wanted of ofTfjs) {
    const stock = findGradient(nameOf(wanted));
    const config = 'create' in wanted ? stock && wanted.create(stock) : wanted.gradient;
    if (kept.has(wanted) || config === undefined) continue;
    // Registering over a gradient makes tfjs print a warning in debug mode, so the name is freed first.
    if (stock !== undefined) unregisterGradient(config.kernelName);
    // Not spread, because one of them is a getter that chooses its function when tfjs reads it.
    const marked = Object.defineProperty(Object.create(config) as GradConfig, STOCK, {
      value: stock ?? null,
    });
    registerGradient(marked);
  }
}

/**
 * Removes what {@link enableTraining} registered: every backend has tfjs' own kernels and gradients again.
 *
 * @example
 * enableTraining();
 * disableTraining(); // for example to measure the difference
 */
export function disableTraining(): void {
  useThreads(1);
  disableLayers();
  for (const [backendName, { missing, replaced }] of Object.entries(kernels))
    for (const kernelName of [...Object.keys(missing), ...Object.keys(replaced)]) {
      const stock = find(kernelName, backendName)?.[STOCK];
      if (stock === undefined) continue;
      unregisterKernel(kernelName, backendName);
      if (stock !== null) registerKernel(stock);
    }
  for (const kernelName of gradients.map(nameOf)) {
    const stock = findGradient(kernelName)?.[STOCK];
    if (stock === undefined) continue;
    unregisterGradient(kernelName);
    if (stock !== null) registerGradient(stock);
  }
}
