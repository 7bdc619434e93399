/** How long a checkpoint of the largest preset takes to write and read, in IndexedDB and in a private file (OPFS). */

const ROUNDS = 20;
/** Two models of 825,000 weights, each weight with its two moments of Adam. */
const SIZE = 2 * 3 * 4 * 825_000;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

export const STORES = {
  stores: async ({ browser, other, check, note }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(other.address);
    const times = await page.evaluate(
      (job) =>
        new Promise((resolve, reject) => {
          const worker = new Worker('stores-worker.js');
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
          worker.postMessage(job);
        }),
      { size: SIZE, rounds: ROUNDS },
    );
    note(`${(SIZE / 1e6).toFixed(1)} MB, medians of ${ROUNDS} rounds, in a worker`);
    for (const action of ['write', 'read']) {
      const [database, file] = ['indexedDB', 'opfs'].map((name) => times[name][action]);
      const ratio = median(database.map((time, round) => time / file[round]));
      note(
        `${action}: IndexedDB ${median(database).toFixed(0)} ms, OPFS ${median(file).toFixed(0)} ms, ratio ${ratio.toFixed(2)}`,
      );
    }
    check('both gave back what was written', times.opfs.read.length === ROUNDS);
    await context.close();
  },
};
