/** What a browser bundle gets instead of `@tfjs-lrm/checkpoint/node`: functions that throw an error saying so. */
import type { writeDurably as WriteDurably } from './durable.ts';
import type { folderStore as FolderStoreOf } from './folder-store.ts';

function refuse(): never {
  throw new Error(
    '@tfjs-lrm/checkpoint/node: it writes files with Node and does not work in a browser. Try indexedDBStore of @tfjs-lrm/checkpoint there.',
  );
}

export const folderStore: typeof FolderStoreOf = refuse;
export const writeDurably: typeof WriteDurably = refuse;
