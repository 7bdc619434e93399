import { withSharedMemory } from './shared-code.ts';
import { memoryOf, type WasmBackend } from './wasm-backend.ts';

export const decode = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Whether threads can share this memory. */
export const isShared = ({ buffer }: WebAssembly.Memory): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer;

/**
 * What `connect` makes of a module that works in this memory. Undefined where that is impossible: in an engine without
 * SIMD, and under a policy that forbids to compile.
 */
export function onMemory<T>(
  memory: WebAssembly.Memory | undefined,
  connect: (instantiate: (code: Uint8Array<ArrayBuffer>) => WebAssembly.Exports) => T,
): T | undefined {
  if (memory === undefined) return undefined;
  try {
    return connect((code) => {
      const module = new WebAssembly.Module(isShared(memory) ? withSharedMemory(code) : code);
      return new WebAssembly.Instance(module, { env: { memory } }).exports;
    });
  } catch {
    return undefined; // the kernels of tfjs remain
  }
}

/** What `connect` makes of the memory of each backend, once. */
export function onceABackend<T>(
  connect: (memory: WebAssembly.Memory | undefined) => T | undefined,
): (backend: WasmBackend) => T | undefined {
  const byBackend = new WeakMap<WasmBackend, T | undefined>();
  return (backend) => {
    if (!byBackend.has(backend)) byBackend.set(backend, connect(memoryOf(backend)));
    return byBackend.get(backend);
  };
}
