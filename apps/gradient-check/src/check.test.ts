/** `npm run check:gradients` on the backends of Node, so that every run of the tests sees a regression. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACKENDS, isOfBrowser, whatIsMissing } from './backends.ts';
import { type Coverage, watchGradients } from './coverage.ts';
import { listOfCases } from './docs-page.ts';
import { faultOf } from './fault.ts';
import { readCases } from './fixtures.ts';
import { judgeHere } from './in-process.ts';
import { readKnown } from './known.ts';
import { startBackend } from './start-backend.ts';
import { isAbout, reasonFor, STATEMENTS } from './stated.ts';

/** Of kernels that only gradients run: computed where those are differentiated. */
const OF_SECOND_ORDER = new Set<string>([
  tf.AvgPool3DGrad,
  tf.AvgPoolGrad,
  tf.Conv2DBackpropFilter,
  tf.Conv3DBackpropFilterV2,
  tf.DepthwiseConv2dNativeBackpropFilter,
  tf.DepthwiseConv2dNativeBackpropInput,
  tf.EluGrad,
  tf.MaxPool3DGrad,
  tf.MaxPoolGrad,
]);
/** Zeros that tests of @tfjs-lrm/kernels look at: an operation on bools, on random numbers and on sorted ones. */
const UNJUDGED = new Set<string>([tf.All, tf.Multinomial, tf.SearchSorted]);

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
  let coverage: Coverage;
  beforeAll(async () => {
    await startBackend(backend);
    enableTraining();
    coverage = watchGradients();
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

  test.runIf(backend === 'cpu')(
    'every gradient that is registered is in a case, and its second order',
    () => {
      const { registered, computed, differentiated } = coverage;
      expect(registered.length).toBeGreaterThan(80);
      expect(registered.filter((name) => !computed.has(name) && !UNJUDGED.has(name))).toEqual([]);
      expect(
        registered.filter(
          (name) => !differentiated.has(name) && !OF_SECOND_ORDER.has(name) && !UNJUDGED.has(name),
        ),
      ).toEqual([]);
    },
  );
});
