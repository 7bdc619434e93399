/** `npm run check:reports`: runs the reports of docs/upstream that need a browser, as src/upstream.test.ts does the others. */
import { fileURLToPath } from 'node:url';
import { launch, serve } from '@tfjs-lrm/browser-tests/chromium';
import { build } from 'vite';
import { readReports } from './dist/report.js';

const here = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await build({ configFile: here('vite.config.js') });
const server = await serve(here('dist-page'));
const browser = await launch();

/** What the program prints in a page of its own. */
async function printed(code, isEnabled) {
  const page = await browser.newPage();
  const lines = [];
  try {
    await page.goto(`http://127.0.0.1:${server.address().port}/index.html`);
    await page.exposeFunction('printLine', (line) => void lines.push(line));
    if (isEnabled) await page.evaluate(() => globalThis.enableTraining());
    // Evaluated by the browser itself, which the policy of the page does not concern.
    await page.evaluate(`(async (tf, console) => {${code}})(tf, { log: printLine })`);
  } catch (error) {
    lines.push(String(error).split('\n')[0]);
  }
  await page.close();
  return lines.join('\n');
}

let failures = 0;
function expectPrinted(file, mode, actual, expected) {
  if (actual === expected) return;
  failures++;
  console.error(`${file}, ${mode}: prints ${actual}, and should print ${expected}`);
}

try {
  const reports = readReports().filter(({ isOfBrowser }) => isOfBrowser);
  for (const { file, code, expected, actual, isFixed } of reports) {
    expectPrinted(file, 'stock', await printed(code, false), actual);
    if (isFixed) expectPrinted(file, 'ours', await printed(code, true), expected);
  }
  console.log(`${reports.length} reports, ${failures} do not print what they say`);
} finally {
  await browser.close();
  server.close();
}
process.exitCode = failures === 0 ? 0 : 1;
