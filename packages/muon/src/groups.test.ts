/** `setRates` is a parameter group of PyTorch: fixtures/optimizers/groups.json, through muon, adam and tfjs' own. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { setRates } from '@tfjs-lrm/core';
import { cosine, type Schedule, warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { follow, readTrace } from '../../../test/golden.ts';
import { muon } from './index.ts';

interface Case {
  readonly optimizer: 'adam' | 'sgd' | 'momentum' | 'muon';
  readonly learningRate: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly scale?: 'match-rms-adamw' | 'original';
  readonly decay: NonNullable<Parameters<typeof withWeightDecay>[1]>['decay'];
  readonly coupling: NonNullable<Parameters<typeof withWeightDecay>[1]>['coupling'];
  readonly schedule: { readonly name: keyof typeof SCHEDULES; readonly options: never } | null;
}

const SCHEDULES = { cosine, warmupStableDecay };
const trace = readTrace<Case>('groups.json');

const OPTIMIZERS: Record<Case['optimizer'], (given: Case) => tf.Optimizer> = {
  adam: ({ learningRate }) => adam({ learningRate }),
  sgd: ({ learningRate }) => tf.train.sgd(learningRate),
  momentum: ({ learningRate, momentum = 0, nesterov = false }) =>
    tf.train.momentum(learningRate, momentum, nesterov),
  muon: ({ learningRate, scale }) => muon({ learningRate, scale, coefficients: 'jordan' }),
};

test('the file has every kind of optimizer and coupling, and factors for each variable', () => {
  const optimizers = trace.cases.map(({ optimizer }) => optimizer);
  expect(new Set(optimizers)).toEqual(new Set(Object.keys(OPTIMIZERS)));
  expect(new Set(trace.cases.map(({ coupling }) => coupling)).size).toBe(3);
  expect(trace.factors).toHaveLength(trace.variables.length);
});

eachBackend(() => {
  test.each(trace.cases)('30 steps of $name follow PyTorch', async (given) => {
    const { decay, coupling, schedule } = given;
    const inner = withWeightDecay(OPTIMIZERS[given.optimizer](given), { decay, coupling });
    const factor: Schedule | null = schedule && SCHEDULES[schedule.name](schedule.options);
    const optimizer = factor === null ? inner : withSchedule(inner, factor);
    await follow(trace, given, optimizer, {
      prepare: (variables) =>
        variables.forEach((variable, i) => {
          setRates(variable, trace.factors?.[i] ?? {});
        }),
      // Starts and steps are of the size of 1.
      least: 0.1,
    });
  });
});
