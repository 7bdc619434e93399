import { expect, it } from 'vitest';
import { type ClippingSettings, judge, plans } from './clipping.ts';
import { readSettings } from './experiment.ts';

const settings = readSettings<ClippingSettings>('clipping', false);
const STEPS = 100;

interface Made {
  /** Of the squared norm, at first. */
  readonly share: number;
  /** With multipliers counted and left out, at first. */
  readonly coefficients: readonly [counted: number, leftOut: number];
  readonly cost: number;
}

/** Made-up outcomes of all cells by their start; seeds differ by a thousandth. */
const verdictOf = (made: (start: number) => Made) =>
  judge(
    plans(settings).map((plan) => {
      const { line, start } = plan.varied;
      const { share, coefficients, cost } = made(start);
      const isCounted = line === 'multipliers counted';
      const early = (value: number, late: number): number[] =>
        Array.from({ length: STEPS }, (_, i) => (i < settings.rule.early * STEPS ? value : late));
      return {
        cell: { ...plan, backend: 'wasm', compile: 'off' },
        measured: {
          loss: 2 + plan.seed / 1000 + (isCounted ? cost : 0),
          share: early(share, 0.01),
          coefficient: early(coefficients[isCounted ? 0 : 1], 1),
        },
      };
    }),
    settings,
  );

const whole: Made = { share: 0.9, coefficients: [0.1, 0.8], cost: 0.05 };
const nothing: Made = { share: 0.02, coefficients: [0.8, 0.8], cost: 0 };

it('is reproduced where multipliers from 1 dominate, clip too much and cost', () => {
  expect(verdictOf((start) => (start === 1 ? whole : nothing)).verdict).toBe('reproduced');
});

it('is partly reproduced where a part of it holds, or only with multipliers that start low', () => {
  expect(verdictOf(() => ({ ...whole, cost: 0 })).verdict).toBe('partly');
  expect(verdictOf((start) => (start === 1 ? nothing : whole)).verdict).toBe('partly');
});

it('is not seen where multipliers are a small part of the norm', () => {
  const { verdict, because } = verdictOf(() => nothing);
  expect(verdict).toBe('not seen at this size');
  expect(because).toContain('2 % of the squared norm');
});
