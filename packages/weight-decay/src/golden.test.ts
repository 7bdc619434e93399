/** Decay around Adam is torch.optim.AdamW with a group for each role: fixtures/optimizers/adamw.json. */
import { adam } from '@tfjs-lrm/adam';
import { cosine, linear, type Schedule, warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { follow, readTrace } from '../../../test/golden.ts';
import { withWeightDecay } from './index.ts';

interface Case {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: NonNullable<Parameters<typeof withWeightDecay>[1]>['decay'];
  readonly schedule: { readonly name: keyof typeof SCHEDULES; readonly options: never } | null;
}

const SCHEDULES = { linear, cosine, warmupStableDecay };
const trace = readTrace<Case>('adamw.json');

eachBackend(() => {
  test.each(trace.cases)('30 steps with $name follow PyTorch', async (given) => {
    const { learningRate, beta1, beta2, epsilon, decay, schedule } = given;
    const inner = withWeightDecay(adam({ learningRate, beta1, beta2, epsilon }), { decay });
    const factor: Schedule | null = schedule && SCHEDULES[schedule.name](schedule.options);
    const optimizer = factor === null ? inner : withSchedule(inner, factor);
    await follow(trace, given, optimizer);
  });
});
