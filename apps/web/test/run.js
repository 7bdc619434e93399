/**
 * `npm run test:web`: builds the site, opens it in Chromium, and does what a visitor does: trains, pauses, closes the tab,
 * comes back, drops bad files, takes a model home. Compares the losses with Node's, looks for long tasks, requests to other
 * places, errors and barriers, and takes pictures into apps/web/dist-test.
 *
 * Names of checks as arguments run those alone, `--short` those of CI, and `--help` lists them. CHROMIUM is the browser's path, by default Debian's.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { launch, serve } from '@tfjs-lrm/browser-tests/chromium';
import { build } from 'vite';
import { KEEPING } from './checks/keeping.js';
import { LOOKS } from './checks/looks.js';
import { STORES } from './checks/stores.js';
import { TRAINING } from './checks/training.js';
import { VISITOR } from './checks/visitor.js';
import { processorSeconds } from './processor-time.js';

const CHECKS = { ...TRAINING, ...KEEPING, ...VISITOR, ...STORES, ...LOOKS };
/** What CI runs. The others wait for a minute, train on emulated graphics or take pictures. */
const SHORT = ['first-load', 'wasm', 'resume', 'take-home', 'clumsy', 'hosts'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const known = Object.keys(CHECKS);
if (values.help) {
  console.log(`npm run test:web -- [--short] [check …]\nchecks: ${known.join(', ')}`);
  console.log(`--short: ${SHORT.join(', ')}`);
  process.exit();
}
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`test:web: no check ${unknown.join(', ')}. Try ${known.join(', ')}.`);
  process.exit(1);
}
const chosen = values.short ? [...SHORT, ...positionals] : positionals;

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const require = createRequire(import.meta.url);

const pictures = here('../dist-test');
mkdirSync(pictures, { recursive: true });
await build({ configFile: here('../vite.config.js') });

// A page with tfjs alone, and a place for the model that it loads.
const empty = join(pictures, 'empty');
mkdirSync(empty, { recursive: true });
cpSync(here('empty-page.html'), join(empty, 'index.html'));
cpSync(require.resolve('@tensorflow/tfjs/dist/tf.min.js'), join(empty, 'tf.min.js'));
cpSync(here('stores-worker.js'), join(empty, 'stores-worker.js'));

// A host that sends what the folder asks for, and one that sends no headers and has the folder below others.
const [, policy] = readFileSync(here('../dist/_headers'), 'utf8').match(/Security-Policy: (.*)/);
const PATH = 'some/where/';
cpSync(here('../dist'), join(pictures, 'host', PATH), { recursive: true });

const servers = await Promise.all([
  serve(here('../dist'), { policy }),
  serve(join(pictures, 'host'), { policy: null, isIsolated: false }),
  serve(empty, { policy: null }),
]);
const [isolated, top, other] = servers.map(
  (server) => `http://127.0.0.1:${server.address().port}/`,
);
const plain = top + PATH;
const browser = await launch();
const failed = [];
try {
  console.log(`Chromium ${browser.version()}`);
  for (const [name, check] of Object.entries(CHECKS)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const began = performance.now();
    const computed = processorSeconds();
    const failures = [];
    const lines = [];
    try {
      await check({
        browser,
        isolated,
        plain,
        other: { address: other, write: (file, bytes) => writeFileSync(join(empty, file), bytes) },
        picture: (file) => join(pictures, `${file}.png`),
        note: (line) => lines.push(`     ${line}`),
        check: (line, holds) => {
          lines.push(`${holds ? 'ok  ' : 'FAIL'} ${line}`);
          if (!holds) failures.push(line);
        },
      });
    } catch (error) {
      failures.push(error.stack ?? String(error));
      lines.push(`FAIL ${error.message}`);
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const ofProcessors =
      computed === null ? '' : `, ${(processorSeconds() - computed).toFixed(1)} s of processors`;
    console.log(
      `\n${name} (${seconds} s${ofProcessors})\n${lines.map((line) => `  ${line}`).join('\n')}`,
    );
    if (failures.length > 0) failed.push(name);
  }
} finally {
  await browser.close();
  for (const server of servers) server.close();
}
if (failed.length > 0) {
  console.error(`\ntest:web: failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
