import { describe, expect, it } from 'vitest';
import { readSettings } from './experiment.ts';
import { madeUp } from './made-up.ts';
import { drawings, judge, plans } from './robust.ts';

const settings = readSettings<Parameters<typeof judge>[1]>('robust', false);

type Cell = ReturnType<typeof plans>[number]['varied'] & { readonly seed: number };

const outcomes = (loss: (cell: Cell) => number) =>
  madeUp(plans(settings), (cell) => ({ loss: loss(cell) + cell.seed / 1000 }));

const verdictOf = (loss: (cell: Cell) => number) => judge(outcomes(loss), settings);

/** Nats above the best at some distance from η 0.004, λ 0.1. */
const valley = ({ learningRate, decay }: Cell): number =>
  0.02 * Math.log2(learningRate / 0.004) ** 2 + 0.05 * Math.log10(decay / 0.1) ** 2;

const has = ({ multipliers }: Cell): boolean => multipliers !== 'no multipliers';

describe('robust', () => {
  it('is reproduced where multipliers widen the good area and raise the worst cell, and do not lose at the best', () => {
    const loss = (cell: Cell) => 2 + (has(cell) ? 0.4 : 1) * valley(cell);
    expect(verdictOf(loss).verdict).toBe('reproduced');
  });

  it('is partly reproduced where that holds for one optimizer, or where multipliers lose at the best cell', () => {
    const adamAlone = (cell: Cell) =>
      2 + (has(cell) && cell.optimizer === 'adamw' ? 0.4 : 1) * valley(cell);
    expect(verdictOf(adamAlone).verdict).toBe('partly');
    const loses = (cell: Cell) => 2 + (has(cell) ? 0.03 + 0.1 * valley(cell) : valley(cell));
    const { verdict, because } = verdictOf(loses);
    expect(verdict).toBe('partly');
    expect(because).toContain('multipliers clearly lose there: yes');
  });

  it('is not seen where multipliers change nothing, or make it worse', () => {
    expect(verdictOf((cell) => 2 + valley(cell)).verdict).toBe('not seen at this size');
    const worse = (cell: Cell) => 2 + (has(cell) ? 2 : 1) * valley(cell);
    expect(verdictOf(worse).verdict).toBe('not seen at this size');
  });

  it('takes no difference for one that the seeds could make', () => {
    const noisy = (cell: Cell) =>
      2 + valley(cell) + (has(cell) ? (cell.seed - 2.2) * 2 * valley(cell) : 0);
    expect(verdictOf(noisy).because).toContain('clearly less: no');
  });

  it('draws a panel for each optimizer, without and with, with every cell', () => {
    const [map] = drawings(
      outcomes((cell) => 2 + valley(cell)),
      settings,
    );
    if (map?.kind !== 'heat map') throw new Error('no heat map');
    expect(map.map.panels).toHaveLength(4);
    for (const { cells } of map.map.panels)
      expect(cells.flat()).toHaveLength(settings.learningRates.length * settings.decays.length);
    // η 0.004, λ 0.1, the best cell; seeds 1, 2, 3 add 0.002 on average.
    expect(map.map.panels[0]?.cells[0]?.[2]).toEqual({
      text: '2.002',
      detail: '2.002 ± 0.001',
      shade: 1,
      isFramed: true,
    });
  });
});
