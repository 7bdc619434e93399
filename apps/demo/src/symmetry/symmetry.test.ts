import { enableTraining } from '@tfjs-lrm/kernels';
import { makeCorpus } from '@tfjs-lrm/language-model';
import { beforeAll, expect, it } from 'vitest';
import { useBackend } from '../../../../test/backends.ts';
import { CURES, overflow, type Run, readSettings, trainWith } from './experiment.ts';
import { report, table } from './report.ts';

const corpus = makeCorpus('the quick brown fox jumps over the lazy dog. '.repeat(60));

beforeAll(async () => {
  await useBackend('wasm');
  enableTraining();
});

it('trains with every cure; rebalancing takes the drift away, and all is drawn', async () => {
  const given = readSettings();
  const size = { width: 16, blocks: 1, heads: 2, mlp: 24, context: 8, batch: 4, steps: 20 };
  const settings = {
    ...given,
    preset: { ...given.preset, ...size },
    ...{ rebalanceEvery: 10, measureEvery: 10, validationBatches: 1 },
  };
  const runs: Run[] = [];
  for (const cure of CURES) runs.push(await trainWith(cure, 1, settings, corpus));
  const ends = runs.map(({ measures }) => measures.at(-1)?.drift as number);
  expect(ends[1]).toBeLessThan(1e-4);
  expect(ends[0]).toBeGreaterThan(1e-2);
  for (const { loss } of runs) expect(loss).toBeLessThan(3.4);
  const html = report(runs, settings, 'wasm');
  expect(html.match(/<svg viewBox="0 0 480/g)).toHaveLength(3);
  for (const cure of CURES) {
    expect(table(runs)).toContain(cure);
    expect(html).toContain(cure);
  }
});

it('extrapolates an overflow, and says so', () => {
  const run = (activations: number[]): Run => ({
    cure: 'none',
    seed: 1,
    loss: 1,
    measures: activations.map((activation, at) => ({
      step: 10 * at,
      drift: 0,
      multiplier: 0,
      activation,
    })),
  });
  // Doubles every ten steps: 2^16 lies half a thousandth above the largest half-precision number.
  expect(overflow(run([1, 2, 4, 8]))).toEqual({ step: 160, extrapolated: true });
  expect(overflow(run([1, 70_000]))).toEqual({ step: 10, extrapolated: false });
  expect(overflow(run([4, 4, 2, 1]))).toBeNull();
});
