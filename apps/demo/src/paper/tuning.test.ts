import { expect, it } from 'vitest';
import { readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';
import { judge, plans, type TuningSettings } from './tuning.ts';

const settings = readSettings<TuningSettings>('tuning', false);

/** Made-up losses: tuned rates lower them by `rates`, multipliers by `gain`; a seed moves the gain by a thousandth. */
const verdictOf = (gain: (cell: { optimizer: string; tuned: string }) => number, rates = 0.02) =>
  judge(
    madeUp(plans(settings), ({ tuned, optimizer, multipliers, seed }) => ({
      loss:
        2 +
        0.3 * seed -
        (tuned === 'nothing' ? 0 : rates) -
        (multipliers === 'with' ? gain({ optimizer, tuned }) + seed / 1000 : 0),
    })),
    settings,
  );

it('is reproduced where multipliers improve every way of tuning, and tuned rates help', () => {
  const { verdict, because } = verdictOf(() => 0.01);
  expect(verdict).toBe('reproduced');
  expect(because).toContain('AdamW: multipliers lower the loss by 0.012 ± 0.001');
});

it('is partly reproduced where one optimizer or one way of tuning gains nothing, or rates do not help', () => {
  expect(verdictOf(({ optimizer }) => (optimizer === 'Muon' ? 0.01 : -0.01)).verdict).toBe(
    'partly',
  );
  expect(verdictOf(({ tuned }) => (tuned === 'all' ? -0.01 : 0.02)).verdict).toBe('partly');
  expect(verdictOf(() => 0.01, 0).verdict).toBe('partly');
});

it('is not seen where multipliers cost, or gain no more than the seeds make', () => {
  expect(verdictOf(() => -0.01).verdict).toBe('not seen at this size');
  expect(verdictOf(() => -0.0015).verdict).toBe('not seen at this size');
});
