/** Writes and reads checkpoints of one size, alternating between IndexedDB and the private file system (OPFS). */
const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** As `indexedDBStore` of @tfjs-lrm/checkpoint does it. */
async function transact(mode, action) {
  const opening = indexedDB.open('speed', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('checkpoints');
  const database = await settled(opening);
  try {
    const transaction = database.transaction('checkpoints', mode, { durability: 'strict' });
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const [result] = await Promise.all([
      settled(action(transaction.objectStore('checkpoints'))),
      done,
    ]);
    return result;
  } finally {
    database.close();
  }
}

async function fileOf(number) {
  const folder = await navigator.storage.getDirectory();
  return folder.getFileHandle(String(number), { create: true });
}

const STORES = {
  indexedDB: {
    write: (number, bytes) => transact('readwrite', (table) => table.put(bytes, number)),
    read: (number) => transact('readonly', (table) => table.get(number)),
  },
  opfs: {
    async write(number, bytes) {
      const access = await (await fileOf(number)).createSyncAccessHandle();
      access.truncate(0);
      access.write(bytes, { at: 0 });
      access.flush();
      access.close();
    },
    async read(number) {
      const file = await (await fileOf(number)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    },
  },
};

function noise(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65_536)));
  return bytes;
}

addEventListener('message', async ({ data: { size, rounds } }) => {
  const times = { indexedDB: { write: [], read: [] }, opfs: { write: [], read: [] } };
  const bytes = noise(size);
  for (let round = 0; round < rounds; round++) {
    const names = round % 2 === 0 ? ['indexedDB', 'opfs'] : ['opfs', 'indexedDB'];
    for (const action of ['write', 'read'])
      for (const name of names) {
        const began = performance.now();
        const result = await STORES[name][action](round % 2, bytes);
        times[name][action].push(performance.now() - began);
        if (action === 'read' && result.length !== size) throw new Error(`${name} lost bytes`);
      }
  }
  postMessage(times);
});
