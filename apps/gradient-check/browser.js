/** A process that judges the named cases on one backend of a browser, as src/child.ts does on one of Node. */
import { fileURLToPath } from 'node:url';
import { launch, serve } from '@tfjs-lrm/browser-tests/chromium';
import { build } from 'vite';

const [backend, mode, names] = process.argv.slice(2);
const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await build({ configFile: here('vite.config.js') });
const server = await serve(here('dist-page'));
const browser = await launch();
try {
  const page = await browser.newPage();
  const crash = new Promise((_, reject) => {
    page.on('crash', () => reject(new Error('the page crashed')));
  });
  await page.exposeFunction('onJudgement', (judgement) => {
    process.send(judgement);
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/index.html`);
  const judged = page.evaluate(
    (args) => globalThis.judgeCases(...args),
    [backend, mode, JSON.parse(names)],
  );
  await Promise.race([judged, crash]);
} finally {
  await browser.close();
  server.close();
  process.disconnect();
}
