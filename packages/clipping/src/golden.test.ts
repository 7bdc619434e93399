/**
 * Clipping is PyTorch's before AdamW: fixtures/optimizers/clipping.json, made with clip_grad_norm_ over all
 * gradients but those of multipliers, and with clip_grads_with_norm_ and clip_grad_value_.
 */
import { adam } from '@tfjs-lrm/adam';
import { warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { follow, readTrace } from '../../../test/golden.ts';
import { expectClose } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

interface Case {
  readonly clip: Parameters<typeof withClipping>[1];
  /** Before clipping, step by step: of all gradients but the multipliers', and of those. */
  readonly norms?: readonly [global: number, excluded: number][];
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: NonNullable<Parameters<typeof withWeightDecay>[1]>['decay'];
  readonly schedule: { readonly options: Parameters<typeof warmupStableDecay>[0] };
}

const trace = readTrace<Case>('clipping.json');

eachBackend(() => {
  test.each(trace.cases)('30 steps $name follow PyTorch', async (given) => {
    const { clip, norms, decay, schedule, learningRate, beta1, beta2, epsilon } = given;
    const clipping = withClipping(
      withWeightDecay(adam({ learningRate, beta1, beta2, epsilon }), { decay }),
      clip,
    );
    const optimizer = withSchedule(clipping, warmupStableDecay(schedule.options));
    await follow(trace, given, optimizer, {
      afterStep: async (at) => {
        if (norms === undefined) return;
        const { global, excluded, coefficient } = await clipping.norms();
        const [norm, ofMultipliers] = norms[at] as [number, number];
        const cut = Math.min(1, (clip.globalNorm as number) / (norm + 1e-6));
        expectClose([global, excluded, coefficient], [norm, ofMultipliers, cut], 1e-6, 0);
      },
    });
  });
});

test('the table has a case that is always clipped, one now and then, one never', () => {
  const shares = trace.cases.slice(0, 3).map(({ clip, norms = [] }) => {
    const most = clip.globalNorm as number;
    // In one step no variable has a gradient.
    const active = norms.filter(([global]) => global > 0);
    return active.filter(([global]) => global > most).length / active.length;
  });
  expect(shares).toEqual([1, expect.closeTo(0.5, 1), 0]);
});
