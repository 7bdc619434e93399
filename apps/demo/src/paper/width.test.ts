import { describe, expect, it } from 'vitest';
import { readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';
import { judge, plans, seconds } from './width.ts';

const settings = readSettings<Parameters<typeof judge>[1]>('width', false);

interface Exponents {
  readonly norm?: number;
  readonly outputs?: number;
  readonly head?: number;
  readonly queryKey?: number;
}

const PAPERS: Required<Exponents> = { norm: 0.02, outputs: 0.9, head: -0.9, queryKey: -1.8 };

/** Power laws, with seeds a percent apart. */
const verdictOf = (exponents: Exponents) => {
  const { norm, outputs, head, queryKey } = { ...PAPERS, ...exponents };
  return judge(
    madeUp(plans(settings), ({ line, width, seed }) => {
      const law = (exponent: number): number => width ** exponent * (1 + seed / 100);
      const isPlain = line === 'no multipliers';
      return {
        norm: law(norm),
        brownian: law(norm) / 0.9,
        outputs: law(isPlain ? outputs : 0),
        headScalar: isPlain ? 1 : law(head),
        queryKeyScalar: isPlain ? 1 : law(queryKey),
      };
    }),
    settings,
  );
};

describe('width', () => {
  it('is reproduced where all exponents are about those of the paper', () => {
    const { verdict, because } = verdictOf({});
    expect(verdict).toBe('reproduced');
    expect(because).toContain('0.90 to 0.90 times what Adam Brownian motion predicts');
    expect(because).toContain('the scalar of the head to the power −0.90 (−0.90 to −0.90)');
  });

  it('is partly reproduced where norms stay, and outputs or scalars move', () => {
    expect(verdictOf({ queryKey: -0.2 }).verdict).toBe('partly');
    expect(verdictOf({ outputs: 0.1 }).verdict).toBe('partly');
    expect(verdictOf({ head: 0, queryKey: 0 }).verdict).toBe('partly');
  });

  it('is not seen where norms depend on the width, or nothing moves', () => {
    expect(verdictOf({ norm: -0.5 }).verdict).toBe('not seen at this size');
    const still = verdictOf({ outputs: 0, head: 0, queryKey: 0 });
    expect(still.verdict).toBe('not seen at this size');
  });

  it('expects most time of the widest model', () => {
    const times = plans(settings).map((plan) => seconds(plan, settings));
    expect(Math.max(...times)).toBe(settings.secondsOfWidest);
    expect(Math.min(...times)).toBe(settings.seconds);
  });
});
