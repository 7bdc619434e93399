import { describe, expect, it } from 'vitest';
import { readSettings, type Verdict } from './experiment.ts';
import { madeUp, varyBySeed } from './made-up.ts';
import { judge, plans } from './scale.ts';
import type { ScaledSettings } from './scaled-optimizer.ts';

const settings = readSettings<ScaledSettings>('scale', false);

type Cell = { readonly line: string; readonly factor: number; readonly seed: number };

const verdictOn = (
  measure: (cell: Cell) => { loss: number; [quantity: string]: number },
): Verdict => judge(madeUp(plans(settings), varyBySeed(measure)), settings);

/** Nats above the best, by how far S is from 1. */
const valley = (factor: number): number => 0.05 * Math.log10(factor) ** 2;

describe('scale', () => {
  const frozen = (line: string): boolean => line === 'gain frozen';
  it('is reproduced where the frozen gain degrades at both ends, the others are flat and the scalar moves against S', () => {
    const measure = ({ line, factor }: Cell) => ({
      loss: 2 + (frozen(line) ? valley(factor) : 0.1 * valley(factor)),
      gain: factor ** -0.7,
    });
    expect(verdictOn(measure).verdict).toBe('reproduced');
  });

  it('is partly reproduced where one end degrades, or the scalar does not move', () => {
    const oneEnd = ({ line, factor }: Cell) => ({
      loss: 2 + (frozen(line) && factor < 1 ? valley(factor) : 0),
      gain: factor ** -0.7,
    });
    expect(verdictOn(oneEnd).verdict).toBe('partly');
    const still = ({ line, factor }: Cell) => ({
      loss: 2 + (frozen(line) ? valley(factor) : 0),
      gain: 1,
    });
    expect(verdictOn(still).verdict).toBe('partly');
  });

  it('is not seen where nothing degrades, or everything does alike', () => {
    expect(verdictOn(() => ({ loss: 2, gain: 1 })).verdict).toBe('not seen at this size');
    const alike = ({ factor }: Cell) => ({ loss: 2 + valley(factor), gain: factor ** -0.7 });
    expect(verdictOn(alike).verdict).toBe('not seen at this size');
  });

  it('takes no difference for one that the seeds could make', () => {
    const noisy = ({ line, factor, seed }: Cell) => ({
      loss: 2 + (frozen(line) ? valley(factor) : 0) + (factor === 64 ? (seed - 2) / 2 : 0),
      gain: factor ** -0.7,
    });
    const { because } = verdictOn(noisy);
    expect(because).toContain('(more than 0.02 each: yes, no)');
  });
});
