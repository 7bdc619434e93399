import { describe, expect, it } from 'vitest';
import type { Outcome, Plan } from './experiment.ts';
import { readSettings } from './experiment.ts';
import * as mlp from './mlp.ts';
import * as scale from './scale.ts';
import type { ScaledSettings } from './scaled-optimizer.ts';

const MACHINE = { backend: 'wasm', compile: 'off' } as const;

type Line = { readonly line: string; readonly factor: number };

/** Made-up outcomes of every cell; seeds differ by a thousandth. */
const outcomes = <V extends Line>(
  plans: readonly Plan<V>[],
  measure: (cell: V & { readonly seed: number }) => Record<string, number>,
): Outcome<V>[] =>
  plans.map((plan) => {
    const { loss = 0, ...rest } = measure({ ...plan.varied, seed: plan.seed });
    const cell = { ...plan, ...MACHINE };
    return { cell, measured: { loss: loss + plan.seed / 1000, ...rest } };
  });

/** Nats above the best, by how far S is from 1. */
const valley = (factor: number): number => 0.05 * Math.log10(factor) ** 2;

describe('scale', () => {
  const settings = readSettings<ScaledSettings>('scale', false);
  const frozen = (line: string): boolean => line === 'gain frozen';
  const verdictOf = (measure: (cell: Line & { readonly seed: number }) => Record<string, number>) =>
    scale.judge(outcomes(scale.plans(settings), measure), settings).verdict;

  it('is reproduced where the frozen gain degrades at both ends, the others are flat and the scalar moves against S', () => {
    const measure = ({ line, factor }: Line) => ({
      loss: 2 + (frozen(line) ? valley(factor) : 0.1 * valley(factor)),
      gain: factor ** -0.7,
    });
    expect(verdictOf(measure)).toBe('reproduced');
  });

  it('is partly reproduced where one end degrades, or the scalar does not move', () => {
    const oneEnd = ({ line, factor }: Line) => ({
      loss: 2 + (frozen(line) && factor < 1 ? valley(factor) : 0),
      gain: factor ** -0.7,
    });
    expect(verdictOf(oneEnd)).toBe('partly');
    const still = ({ line, factor }: Line) => ({
      loss: 2 + (frozen(line) ? valley(factor) : 0),
      gain: 1,
    });
    expect(verdictOf(still)).toBe('partly');
  });

  it('is not seen where nothing degrades, or everything does alike', () => {
    expect(verdictOf(() => ({ loss: 2, gain: 1 }))).toBe('not seen at this size');
    const alike = ({ factor }: Line) => ({ loss: 2 + valley(factor), gain: factor ** -0.7 });
    expect(verdictOf(alike)).toBe('not seen at this size');
  });

  it('takes no difference for one that the seeds could make', () => {
    const noisy = ({ line, factor, seed }: Line & { readonly seed: number }) => ({
      loss: 2 + (frozen(line) ? valley(factor) : 0) + (factor === 64 ? (seed - 2) / 2 : 0),
      gain: factor ** -0.7,
    });
    const { because } = scale.judge(outcomes(scale.plans(settings), noisy), settings);
    expect(because).toContain('(more than 0.02 each: yes, no)');
  });
});

describe('mlp', () => {
  const settings = readSettings<ScaledSettings>('mlp', false);
  const verdictOf = (measure: (cell: Line & { readonly seed: number }) => Record<string, number>) =>
    mlp.judge(outcomes(mlp.plans(settings), measure), settings).verdict;
  const hasScalars = (line: string): boolean => line.endsWith('scalars');
  const rises = (factor: number): number => 0.03 * Math.max(0, Math.log2(factor));

  it('is reproduced where both optimizers degrade, and scalars keep loss and outputs flat', () => {
    const measure = ({ line, factor }: Line) => ({
      loss: 2 + (hasScalars(line) ? 0.2 : 1) * rises(factor),
      output: factor ** (hasScalars(line) ? 0.1 : 1),
    });
    expect(verdictOf(measure)).toBe('reproduced');
  });

  it('is partly reproduced where one optimizer shows it', () => {
    const measure = ({ line, factor }: Line) => ({
      loss: 2 + (line === 'Muon, scalars' ? 1 : hasScalars(line) ? 0.2 : 1) * rises(factor),
      output: factor ** (hasScalars(line) ? 0.1 : 1),
    });
    expect(verdictOf(measure)).toBe('partly');
  });

  it('is not seen where nothing degrades', () => {
    expect(verdictOf(({ factor }) => ({ loss: 2, output: factor }))).toBe('not seen at this size');
  });
});
