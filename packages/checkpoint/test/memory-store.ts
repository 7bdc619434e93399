import type { CheckpointStore } from '../src/store.ts';

/** A store in memory, whose bytes tests may change. */
export function memoryStore(): CheckpointStore & { files: Map<number, Uint8Array<ArrayBuffer>> } {
  const files = new Map<number, Uint8Array<ArrayBuffer>>();
  return {
    name: 'memory',
    files,
    list: () => [...files.keys()].sort((a, b) => a - b),
    read: (number) => (files.get(number) as Uint8Array<ArrayBuffer>).slice(),
    write: (number, parts) => {
      files.set(number, Uint8Array.from(parts.flatMap((part) => [...part])));
    },
    remove: (number) => {
      files.delete(number);
    },
  };
}
