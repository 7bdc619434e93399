/** That it trains: how soon, on what, to which losses, and without a stutter or a leak. */
import { gzipSync } from 'node:zlib';
import { trainInNode } from '../in-node.js';
import { finished, metrics, openApp, reached, start } from '../page.js';
import { close, inNode, isQuiet, lossDifference, STEPS, wholeRun } from './common.js';

const MOST_BYTES = 1.5e6;

/** The losses of a finished page are those of Node. */
async function equalsNode({ page }, check, note) {
  note(await page.textContent('#machine'));
  note(await page.textContent('#numbers-1'));
  const difference = lossDifference(await metrics(page), (await inNode()).lines);
  check(
    `${STEPS} steps of both: the losses differ from Node’s by ${difference.toExponential(1)}, at most 1e-4`,
    difference <= 1e-4,
  );
}

/** The smallest preset, since a processor that emulates graphics takes 15 seconds for a step of the usual one on webgpu. */
const trainsOn =
  (backend) =>
  async ({ browser, isolated, check, note }) => {
    const [steps, size] = [20, 'nano'];
    const { lines } = await trainInNode(steps, 'cpu', size);
    const app = await openApp(
      browser,
      isolated,
      `steps=${steps}&preset=${size}&backend=${backend}`,
    );
    await start(app.page);
    await finished(app.page);
    note(await app.page.textContent('#numbers-1'));
    const difference = lossDifference(await metrics(app.page), lines);
    check(
      `${steps} steps of both on ${backend}: the losses differ from cpu’s by ${difference.toExponential(1)}, at most 1e-3`,
      difference <= 1e-3,
    );
    await close(app, isolated, check);
  };

/** Milliseconds that the main threads of pages computed in each of their tasks, however busy the machine is with others. */
function tasksOf({ traceEvents }) {
  const threads = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  );
  const mains = new Set(threads.map(({ pid, tid }) => `${pid} ${tid}`));
  return traceEvents
    .filter(
      ({ name, pid, tid, tdur }) => name.endsWith('RunTask') && tdur && mains.has(`${pid} ${tid}`),
    )
    .map(({ tdur }) => tdur / 1000);
}

/**
 * The least tensors of each model that the page shows until both have taken so many steps: a model with multipliers
 * remembers its effective kernels between a prediction and the next step.
 */
const leastTensors = (page, steps) =>
  page.evaluate(async (wanted) => {
    const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    const isThere = [false, false];
    while (!isThere.every(Boolean)) {
      for (const run of [0, 1]) {
        const { textContent } = document.getElementById(`numbers-${run}`);
        const number = (pattern) => Number(textContent.match(pattern)?.[1]);
        least[run] = Math.min(least[run], number(/(\d+) tensors/));
        isThere[run] = number(/step (\d+)/) >= wanted;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return least;
  }, steps);

export const TRAINING = {
  'first-load': async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, 'steps=20&backend=wasm');
    const loaded = [...new Set(app.requests)];
    const began = performance.now();
    await start(app.page);
    await app.page.waitForFunction(() => document.querySelector('#numbers-0').textContent !== '');
    const seconds = (performance.now() - began) / 1000;
    const all = [...new Set(app.requests)].filter((url) => url.startsWith(isolated));
    const sizes = await Promise.all(
      all.map(async (url) => {
        const bytes = Buffer.from(await (await fetch(url.split('#')[0])).arrayBuffer());
        return [url, url.endsWith('.woff2') ? bytes.length : gzipSync(bytes).length];
      }),
    );
    const sum = (some) => some.reduce((total, [, size]) => total + size, 0);
    note(`before training ${sum(sizes.filter(([url]) => loaded.includes(url)))} bytes compressed`);
    for (const [url, size] of sizes)
      note(`${String(size).padStart(8)} ${url.slice(isolated.length)}`);
    check(`${sum(sizes)} bytes compressed, at most ${MOST_BYTES}`, sum(sizes) <= MOST_BYTES);
    note(`${seconds.toFixed(1)} s from the button to the report of the first ten steps`);
    await close(app, isolated, check);
  },

  wasm: async ({ browser, plain, check, note }) => {
    const app = await wholeRun(browser, plain);
    await equalsNode(app, check, note);
    isQuiet(app, plain, check);
  },

  'wasm-threads': async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, `steps=${STEPS}&backend=wasm&threads=2`);
    await start(app.page);
    await finished(app.page);
    await equalsNode(app, check, note);
    const threads = app.page.workers().filter((worker) => worker.url().startsWith('blob:'));
    check('each model has one thread beside its worker', threads.length === 2);
    await close(app, isolated, check);
  },

  steady: async ({ browser, isolated, check, note }) => {
    const app = await openApp(browser, isolated, 'steps=630&backend=wasm&threads=1');
    const { page } = app;
    await start(page);
    await reached(page, 220);
    const before = await leastTensors(page, 320);
    await page.evaluate(() => {
      globalThis.longTasks.length = 0;
    });
    await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
    await reached(page, 520);
    const after = await leastTensors(page, 620);
    note(`least tensors of steps 220 to 320: ${before}, of steps 520 to 620: ${after}`);
    check('the tensors are as many as 300 steps before', `${before}` === `${after}`);
    const tasks = tasksOf(JSON.parse(await browser.stopTracing()));
    const wall = await page.evaluate(() => globalThis.longTasks.length);
    note(
      `${tasks.length} tasks of the page in 400 steps, ${wall} above 50 ms by the clock on the wall`,
    );
    const longest = Math.max(...tasks);
    check(
      `the longest task of the page took ${longest.toFixed(0)} ms of its thread, at most 50`,
      tasks.length > 0 && longest <= 50,
    );
    await close(app, isolated, check);
  },

  webgl: trainsOn('webgl'),
  webgpu: trainsOn('webgpu'),
};
