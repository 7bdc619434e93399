/** What several checks use. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { trainInNode } from '../in-node.js';
import { finished, openApp, start } from '../page.js';

export const STEPS = 60;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let reference = null;
/** The runs in Node, trained once. */
export const inNode = () => {
  reference ??= trainInNode(STEPS);
  return reference;
};

let whole = null;
/** A page in which the same runs went to their end without a break on wasm, trained once. Its checks leave it open. */
export const wholeRun = (browser, address) => {
  whole ??= (async () => {
    const app = await openApp(browser, address, `steps=${STEPS}&backend=wasm&threads=1`);
    await start(app.page);
    await finished(app.page);
    return app;
  })();
  return whole;
};

/** The largest difference of losses, training and validation, step by step. */
export function lossDifference(lines, expected) {
  const key = ({ run, step }) => `${run} ${step}`;
  const others = new Map(expected.map((line) => [key(line), line]));
  const differences = lines.flatMap((line) => {
    const same = others.get(key(line));
    const losses = ['train/loss', 'validation/loss'].filter((name) => name in line);
    return losses.map((name) => Math.abs(line[name] - same[name]));
  });
  return lines.length === expected.length ? Math.max(...differences) : Number.NaN;
}

/** Checks that nothing went wrong unseen in a page, and nothing was asked of another origin. */
export function isQuiet({ errors, requests }, address, check) {
  check(
    `no error was logged${errors.length > 0 ? `: ${errors.join(' | ')}` : ''}`,
    errors.length === 0,
  );
  const abroad = requests.filter((url) => !/^(blob|data):/.test(url) && !url.startsWith(address));
  check(
    `no request left the page’s origin${abroad.length > 0 ? `: ${abroad}` : ''}`,
    abroad.length === 0,
  );
}

/** Closes a page that was quiet. */
export async function close(app, address, check) {
  isQuiet(app, address, check);
  await app.context.close();
}

export async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`,
  );
}
