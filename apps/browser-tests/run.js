/**
 * `npm run test:browser`: bundles the pages, serves them on loopback under a strict policy, opens each in Chromium and
 * prints what it reports. Fails when a page does, or when it logs an error.
 *
 * CHROMIUM is the browser's path, by default Debian's.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { launch, serve } from './chromium.js';

const MINUTES = 60_000;

/** Address below pages/, and how many threads it should have started: 0 where it starts none. */
const PAGES = [
  { path: 'training.html?threads=2', threads: 2 },
  { path: 'training.html?threads=4&only=conv2d', threads: 4 },
  { path: 'guide.html', threads: 0 },
  { path: 'checkpoint.html', threads: 0 },
  { path: 'loading.html', threads: 0 },
];

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** What the page reported, and every error that it logged or threw. An error outside its report ends it. */
async function open(browser, address, threads) {
  const page = await browser.newPage();
  const errors = [];
  try {
    // tfjs starts at most half as many threads as there are cores, so the browser says it has twice as many.
    const session = await page.context().newCDPSession(page);
    await session.send('Emulation.setHardwareConcurrencyOverride', {
      hardwareConcurrency: Math.max(1, 2 * threads),
    });
    const { lines, failures } = await new Promise((resolve, reject) => {
      page.on('pageerror', reject);
      page.on('crash', () => reject(new Error('the page crashed')));
      page.on('console', (message) => {
        const text = message.text();
        if (text.startsWith('report ')) resolve(JSON.parse(text.slice('report '.length)));
        else if (process.env.DEBUG_PAGE) console.error(message.type(), text.slice(0, 500));
        else if (message.type() === 'error') errors.push(`logged: ${text}`);
      });
      setTimeout(() => reject(new Error('no report after 10 minutes')), 10 * MINUTES).unref();
      page.goto(address).catch(reject);
    });
    const workers = page.workers().length;
    // Those of tfjs, and ours.
    if (workers < 2 * (threads - 1)) errors.push(`${workers} workers for ${threads} threads`);
    return { lines: [...lines, `${workers} workers`], failures: [...failures, ...errors] };
  } catch (error) {
    return { lines: [], failures: [...errors, String(error)] };
  } finally {
    await page.close();
  }
}

await build({ configFile: here('vite.config.js') });
const server = await serve(here('dist'));
const browser = await launch();
const failed = [];
try {
  console.log(`Chromium ${browser.version()}`);
  for (const { path, threads } of PAGES) {
    const began = performance.now();
    const address = `http://127.0.0.1:${server.address().port}/${path}`;
    const { lines, failures } = await open(browser, address, threads);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`\n${path} (${seconds} s)\n${lines.map((line) => `  ${line}`).join('\n')}`);
    for (const failure of failures) console.error(`  FAIL ${failure}`);
    if (failures.length > 0) failed.push(path);
  }
} finally {
  await browser.close();
  server.close();
}
if (failed.length > 0) {
  console.error(`\ntest:browser: failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
