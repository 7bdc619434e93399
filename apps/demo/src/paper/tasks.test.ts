import { expect, it } from 'vitest';
import { readSettings } from './experiment.ts';
import { TASKS } from './tasks/score.ts';
import { judge, plans, type TaskSettings } from './tasks.ts';

const settings = readSettings<TaskSettings>('tasks', false);

/** Made-up scores: of a hundred examples without multipliers the first half is right, with them as many more. */
const verdictOf = (more: (optimizer: string) => number) =>
  judge(
    plans(settings).map((plan) => {
      const { optimizer, multipliers } = plan.varied;
      const right = 50 + plan.seed + (multipliers === 'with' ? more(optimizer) : 0);
      const scores = Array.from({ length: 100 }, (_, i) => Number(i < right));
      return {
        cell: { ...plan, backend: 'wasm', compile: 'off' },
        measured: { loss: 1, ...Object.fromEntries(TASKS.map((task) => [task, scores])) },
      };
    }),
    settings,
  );

it('is reproduced where both optimizers gain', () => {
  const { verdict, because } = verdictOf(() => 5);
  expect(verdict).toBe('reproduced');
  expect(because).toContain('AdamW: mean gain +5.00 (');
});

it('is partly reproduced where one of them gains', () => {
  expect(verdictOf((optimizer) => (optimizer === 'Muon' ? 5 : 0)).verdict).toBe('partly');
});

it('is not seen without a gain, or with a loss, which it names', () => {
  expect(verdictOf(() => 0).verdict).toBe('not seen at this size');
  const { verdict, because } = verdictOf(() => -5);
  expect(verdict).toBe('not seen at this size');
  expect(because).toContain('mean gain −5.00 (');
});
