/** `npm run check:gradients` on the backends of Node, so that every run of the tests sees a regression. */
import { readFileSync } from 'node:fs';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACKENDS, isOfBrowser, whatIsMissing } from './backends.ts';
import { listOfCases } from './docs-page.ts';
import { faultOf } from './fault.ts';
import { readCases } from './fixtures.ts';
import { judgeHere } from './in-process.ts';
import { readKnown } from './known.ts';
import { startBackend } from './start-backend.ts';
import { isAbout, reasonFor, STATEMENTS } from './stated.ts';

const cases = readCases();
const known = readKnown();

test('every case has a name of its own, and what is known is a case', () => {
  const names = new Set(cases.map(({ name }) => name));
  expect(names.size).toBe(cases.length);
  for (const name of Object.keys(known)) expect(names).toContain(name);
  for (const statement of STATEMENTS)
    expect(cases.some(({ name }) => isAbout(statement, name))).toBe(true);
});

const here = BACKENDS.filter((backend) => !isOfBrowser(backend) && whatIsMissing(backend) === null);

test('the page of the documentation lists the cases that there are', () => {
  const page = readFileSync(new URL('../../../docs/gradients.md', import.meta.url), 'utf8');
  const [, list] = page.split('## The cases\n\n');
  expect(list?.trim().split('\n')).toEqual(listOfCases(cases));
});

describe.each(here)('on %s', (backend) => {
  beforeAll(async () => {
    await startBackend(backend);
    enableTraining();
  });
  afterAll(disableTraining);

  test('every case is right, but for those that are known not to be', async () => {
    const faults = [];
    for (const subject of cases) {
      if (known[subject.name]?.includes(backend)) continue;
      if (reasonFor(subject.name, backend) !== undefined) continue;
      const fault = faultOf(await judgeHere(subject, backend));
      if (fault !== null) faults.push(fault);
    }
    expect(faults).toEqual([]);
  }, 240_000);
});
