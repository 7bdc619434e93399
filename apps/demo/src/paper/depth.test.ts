import { describe, expect, it } from 'vitest';
import { type DepthSettings, judge, plans } from './depth.ts';
import { readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';

const settings = readSettings<DepthSettings>('depth', false);

/** Outputs that grow by some nats a block, and by hundredths that differ with the seed. */
const verdictOf = (rates: Record<'without' | 'scalars' | 'scalarsOfMlp', number>) =>
  judge(
    madeUp(plans(settings), ({ multipliers, seed }) => {
      const outputs = (rate: number): number[] =>
        Array.from({ length: settings.preset.blocks }, (_, i) => Math.exp((rate + seed / 100) * i));
      if (multipliers === 'no multipliers')
        return { attention: outputs(rates.without), mlp: outputs(rates.without) };
      return { attention: outputs(rates.scalars), mlp: outputs(rates.scalarsOfMlp) };
    }),
    settings,
  );

describe('depth', () => {
  it('is reproduced where outputs of attention and of MLPs grow with scalars, and not without', () => {
    const { verdict, because } = verdictOf({ without: 0, scalars: 0.2, scalarsOfMlp: 0.3 });
    expect(verdict).toBe('reproduced');
    expect(because).toContain(
      'outputs of attention change by 0.020 ± 0.010 nats a block without multipliers and by 0.220',
    );
  });

  it('is partly reproduced where that holds for one of them', () => {
    expect(verdictOf({ without: 0, scalars: 0.2, scalarsOfMlp: 0 }).verdict).toBe('partly');
  });

  it('is not seen where outputs grow alike without, or shrink', () => {
    const alike = { without: 0.3, scalars: 0.3, scalarsOfMlp: 0.3 };
    expect(verdictOf(alike).verdict).toBe('not seen at this size');
    const slightly = { without: 0.1, scalars: 0.13, scalarsOfMlp: 0.13 };
    expect(verdictOf(slightly).verdict).toBe('not seen at this size');
    const shrinking = { without: -0.5, scalars: -0.2, scalarsOfMlp: -0.2 };
    expect(verdictOf(shrinking).verdict).toBe('not seen at this size');
  });
});
