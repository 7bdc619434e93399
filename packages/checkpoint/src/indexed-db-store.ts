import { show } from '@tfjs-lrm/core/kit';
import type { CheckpointStore } from './store.ts';

const TABLE = 'checkpoints';

/** A request as a promise. */
const settled = <Result>(request: IDBRequest<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Runs one transaction on the table of checkpoints and waits until the browser has it on disk. */
async function transact<Result>(
  name: string,
  mode: IDBTransactionMode,
  action: (table: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const opening = globalThis.indexedDB.open(`tfjs-lrm/checkpoint/${name}`, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(TABLE);
  };
  const database = await settled(opening);
  try {
    const transaction = database.transaction(TABLE, mode, { durability: 'strict' });
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([settled(action(transaction.objectStore(TABLE))), done]);
    return result;
  } finally {
    database.close();
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/**
 * Keeps checkpoints in the browser's IndexedDB, in a separate database for each name. Each is written in one
 * transaction with durability `strict`, so closing the page leaves earlier checkpoints as they were.
 *
 * A browser may drop a site's data when its disk runs full, unless `navigator.storage.persist()` was granted.
 *
 * @param name distinguishes the runs of a site
 * @throws TypeError for something that is not a name; its functions throw an Error where IndexedDB is missing, or the
 *   site is out of space
 * @example
 * const store = indexedDBStore('first run');
 */
export function indexedDBStore(name: string): CheckpointStore {
  if (typeof name !== 'string' || name === '')
    throw new TypeError(
      `indexedDBStore: the name must be a string. Received ${show(name)}. Try indexedDBStore('first run').`,
    );
  const run = async <Result>(
    what: string,
    mode: IDBTransactionMode,
    action: (table: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> => {
    if (globalThis.indexedDB === undefined)
      throw new Error(
        'indexedDBStore: there is no IndexedDB here. Try folderStore of @tfjs-lrm/checkpoint/node in Node.',
      );
    try {
      return await transact(name, mode, action);
    } catch (error) {
      throw new Error(
        `indexedDBStore: cannot ${what} "${name}": ${(error as Error | null)?.message ?? 'the browser ended the transaction'}. The checkpoints before are as they were. Try navigator.storage.estimate() to see whether there is room.`,
        { cause: error },
      );
    }
  };
  return {
    name,
    async list() {
      const keys = await run('list', 'readonly', (table) => table.getAllKeys());
      return keys.map(Number).sort((a, b) => a - b);
    },
    async read(number) {
      return (await run('read', 'readonly', (table) =>
        table.get(number),
      )) as Uint8Array<ArrayBuffer>;
    },
    async write(number, parts) {
      await run('write', 'readwrite', (table) => table.put(joined(parts), number));
    },
    async remove(number) {
      await run('remove from', 'readwrite', (table) => table.delete(number));
    },
  };
}
