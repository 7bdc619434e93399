/** What several checks use. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { trainInNode } from '../in-node.js';

export const STEPS = 60;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let reference = null;
/** The runs in Node, trained once. */
export const inNode = () => {
  reference ??= trainInNode(STEPS);
  return reference;
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

/** Closes a page, and checks that nothing went wrong unseen and nothing was asked of another origin. */
export async function close({ context, errors, requests }, address, check) {
  check(
    `no error was logged${errors.length > 0 ? `: ${errors.join(' | ')}` : ''}`,
    errors.length === 0,
  );
  const abroad = requests.filter((url) => !/^(blob|data):/.test(url) && !url.startsWith(address));
  check(
    `no request left the page’s origin${abroad.length > 0 ? `: ${abroad}` : ''}`,
    abroad.length === 0,
  );
  await context.close();
}

export async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`,
  );
}
