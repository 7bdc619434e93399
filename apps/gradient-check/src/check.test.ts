/** `npm run check:gradients` on the backends of Node, so that every run of the tests sees a regression. */
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACKENDS, isOfBrowser, whatIsMissing } from './backends.ts';
import { readCases } from './fixtures.ts';
import { judgeHere } from './in-process.ts';
import { isAllRight } from './judge.ts';
import { readKnown } from './known.ts';
import { startBackend } from './start-backend.ts';

const cases = readCases();
const known = readKnown();

test('every case has a name of its own, and what is known is a case', () => {
  const names = new Set(cases.map(({ name }) => name));
  expect(names.size).toBe(cases.length);
  for (const name of Object.keys(known)) expect(names).toContain(name);
});

const here = BACKENDS.filter((backend) => !isOfBrowser(backend) && whatIsMissing(backend) === null);

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
      const judgement = await judgeHere(subject, backend);
      if (!isAllRight(judgement)) faults.push(judgement);
    }
    expect(faults).toEqual([]);
  });
});
