/** On how many threads a wasm backend computes, and why not on more. */
import { engine } from '@tensorflow/tfjs-core';
import { withSharedMemory } from './shared-code.ts';
import { startThreads, type Threads } from './threads.ts';
import { memoryOf, type WasmBackend } from './wasm-backend.ts';
import { passesCode, productsCode } from './wasm-codes.ts';
import { isShared } from './wasm-module.ts';

/** How many threads compute, and the reason where it is fewer than were asked for. */
export interface TrainingThreads {
  readonly threads: number;
  readonly reason?: string;
}

type Factory = ReturnType<typeof factories>[string]['factory'];

const WASM = 'wasm';
const factories = () => engine().registryFactory;
const threadsByBackend = new WeakMap<WasmBackend, Threads>();
/** What tfjs starts the backend with, where ours stands in its place. */
const stockFactories = new WeakMap<Factory, Factory>();
let wanted = 1;

/** The threads of a backend; undefined where there is only the main one. */
export const threadsOf = (backend: WasmBackend): Threads | undefined =>
  threadsByBackend.get(backend);

const runningBackend = (): WasmBackend | undefined =>
  engine().registry[WASM] as unknown as WasmBackend | undefined;

const isOnSharedMemory = (backend: WasmBackend): boolean => {
  const memory = memoryOf(backend);
  return memory !== undefined && isShared(memory);
};

/** Whether this is a page whose memory other origins must not see, and so the browser does not share. */
const isSharingForbidden = (): boolean =>
  typeof SharedArrayBuffer === 'undefined' ||
  (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false;

/**
 * The threads that compute now on the wasm backend, with the main one, and the reason where `enableTraining` has asked for more.
 *
 * @example
 * const { threads, reason } = trainingThreads();
 * console.log(`${threads} threads`, reason ?? 'as wanted');
 */
export function trainingThreads(): TrainingThreads {
  const backend = runningBackend();
  const connected = backend === undefined ? undefined : threadsOf(backend);
  const failure = connected?.failure();
  if (failure !== undefined) return { threads: 1, reason: failure.message };
  const threads = connected?.count ?? 1;
  if (threads === wanted) return { threads };
  if (isSharingForbidden())
    return {
      threads,
      reason: 'the page is not isolated from other origins, so no memory is shared',
    };
  if (backend === undefined) return { threads, reason: 'the wasm backend has not started' };
  if (!isOnSharedMemory(backend))
    return { threads, reason: 'the wasm backend has memory that cannot be shared' };
  return {
    threads,
    reason: 'the engine has no SIMD, or a policy forbids to compile or to start workers',
  };
}

/** Starts threads on a backend, if its memory is shared, in the place of those that it has. */
function connect(backend: WasmBackend): void {
  const memory = memoryOf(backend);
  const present = threadsOf(backend);
  if (present?.count === wanted && present.failure() === undefined) return;
  disconnect(backend);
  if (wanted === 1 || memory === undefined || !isShared(memory)) return;
  let threads: Threads;
  try {
    threads = startThreads(memory, [productsCode().code, passesCode()], wanted);
  } catch {
    return; // as with one thread; `trainingThreads` gives the reason
  }
  threadsByBackend.set(backend, threads);
  const { dispose } = backend;
  backend.dispose = () => {
    disconnect(backend);
    backend.dispose = dispose;
    backend.dispose();
  };
}

function disconnect(backend: WasmBackend): void {
  threadsOf(backend)?.end();
  threadsByBackend.delete(backend);
}

/** Names that only the module of tfjs exports. */
const isOfTfjs = (code: Uint8Array): boolean =>
  new TextDecoder('latin1').decode(code).includes('register_tensor');

/**
 * Starts tfjs' backend with memory that can be shared. tfjs compiles its module by `WebAssembly.instantiate` and has no option for
 * another one, so that function is another one until the backend has started; other modules pass through it unchanged.
 */
async function onSharedMemory<T>(start: () => T | Promise<T>): Promise<T> {
  const { instantiate } = WebAssembly;
  const sharing = ((code: BufferSource | WebAssembly.Module, imports?: WebAssembly.Imports) => {
    if (code instanceof WebAssembly.Module) return instantiate(code, imports);
    const bytes = ArrayBuffer.isView(code)
      ? new Uint8Array(code.buffer, code.byteOffset, code.byteLength)
      : new Uint8Array(code);
    return instantiate(isOfTfjs(bytes) ? withSharedMemory(bytes) : code, imports);
  }) as typeof instantiate;
  WebAssembly.instantiate = sharing;
  try {
    return await start();
  } finally {
    if (WebAssembly.instantiate === sharing) WebAssembly.instantiate = instantiate;
  }
}

/**
 * Lets the wasm backend compute on so many threads: the one that runs, or else the one that will.
 *
 * @throws RangeError if it is not a number of threads
 * @throws Error if the backend runs in memory that could have been shared and is not
 */
export function useThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 64)
    throw new RangeError(
      `kernels/enableTraining: threads must be an integer from 1 to 64. Received ${count}. Try the number of cores.`,
    );
  const backend = runningBackend();
  if (count > 1 && backend !== undefined && !isOnSharedMemory(backend) && !isSharingForbidden())
    throw new Error(
      `kernels/enableTraining: threads must be asked for before the wasm backend starts. Received threads: ${count} after it has. Try enableTraining({ threads: ${count} }) before tf.setBackend('wasm').`,
    );
  wanted = count;
  if (backend !== undefined) connect(backend);
  const entry = factories()[WASM];
  if (entry === undefined) return;
  const stock = stockFactories.get(entry.factory) ?? entry.factory;
  if (count === 1 || isSharingForbidden()) {
    entry.factory = stock;
    return;
  }
  const factory: Factory = async () => {
    const started = await onSharedMemory(stock);
    connect(started as unknown as WasmBackend);
    return started;
  };
  stockFactories.set(factory, stock);
  entry.factory = factory;
}
