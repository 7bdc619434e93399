import { describe, expect, it } from 'vitest';
import { readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';
import { drawings, judge, plans } from './overhead.ts';

const settings = readSettings<Parameters<typeof judge>[1]>('overhead', false);

const outcomes = (
  ratios: Record<'multipliers' | 'reparametrize' | 'folded-prediction', number>,
  parametersFolded = 100,
) =>
  madeUp(plans(settings), ({ comparison, seed }) => ({
    ratio: (comparison === 'prediction' ? 1.2 : ratios[comparison]) + (seed - 2) / 1000,
    milliseconds: 2,
    without: 1,
    ...(comparison === 'folded-prediction' && {
      parameters: 100,
      parametersWithMultipliers: 110,
      parametersFolded,
    }),
  }));

const verdictOf = (...args: Parameters<typeof outcomes>) =>
  judge(outcomes(...args), settings).verdict;

describe('overhead', () => {
  it('is reproduced where one way to train is cheap and the folded model is the plain one', () => {
    const ratios = { multipliers: 1.3, reparametrize: 1.02, 'folded-prediction': 1.01 };
    expect(verdictOf(ratios)).toBe('reproduced');
  });

  it('is partly reproduced where only inference is free', () => {
    const ratios = { multipliers: 1.3, reparametrize: 1.2, 'folded-prediction': 0.99 };
    expect(verdictOf(ratios)).toBe('partly');
  });

  it('is not seen where inference costs time or parameters', () => {
    const ratios = { multipliers: 1, reparametrize: 1, 'folded-prediction': 1.1 };
    expect(verdictOf(ratios)).toBe('not seen at this size');
    expect(verdictOf({ ...ratios, 'folded-prediction': 1 }, 101)).toBe('not seen at this size');
  });

  it('draws a row for each comparison', () => {
    const ratios = { multipliers: 1, reparametrize: 1, 'folded-prediction': 1 };
    const [chart] = drawings(outcomes(ratios), settings);
    if (chart?.kind !== 'intervals') throw new Error('no intervals');
    expect(chart.chart.rows).toHaveLength(4);
    expect(chart.chart.rows[3]?.marks[0]?.high).toBeCloseTo(1.001, 6);
  });
});
