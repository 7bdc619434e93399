import { toNdjson } from '@tfjs-lrm/diagnostics';
import { expect, it } from 'vitest';
import { logLines, logStep, readLog } from './log.ts';
import type { StepRecord } from './training/losses.ts';
import type { RunSettings } from './training/settings.ts';

const runs = [{ name: 'first' }, { name: 'second' }] as RunSettings[];
const records: StepRecord[] = [
  { step: 0, loss: 4.25, learningRate: 1e-4 },
  {
    ...{ step: 1, loss: 4, learningRate: 2e-4, validationLoss: 4.125 },
    scales: { head: { stored: 0.1, effective: 0.1 }, embedding: { stored: 0.2, effective: 0.25 } },
  },
];

it('a step is logged under the names of the field, scales as they act where that is another number', () => {
  expect(JSON.parse(logLines('first', records).split('\n')[1] as string)).toEqual({
    ...{ step: 2, run: 'first', 'train/loss': 4, learning_rate: 2e-4, 'validation/loss': 4.125 },
    ...{ 'scale/head': 0.1, 'scale/embedding': 0.2, 'effective_scale/embedding': 0.25 },
  });
});

it('what is logged is read back, run by run', () => {
  const log = logLines('second', records) + logLines('first', records.slice(0, 1));
  expect(readLog(log, runs)).toEqual([records.slice(0, 1), records]);
});

it('lines of earlier versions are read too, also beside others', () => {
  const former = records.map((record) => `${JSON.stringify({ run: 'first', ...record })}\n`);
  const later = { step: 2, loss: 3, learningRate: 3e-4 };
  expect(readLog(former.join('') + logLines('first', [later]), runs)).toEqual([
    [...records, later],
    [],
  ]);
});

it('the same steps go to any logger', () => {
  const steps: unknown[] = [];
  const logger = toNdjson((line) => steps.push(JSON.parse(line).step), { fields: () => ({}) });
  for (const record of records) logStep(logger, record);
  expect(steps).toEqual([1, 2]);
});
