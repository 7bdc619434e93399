import { describe, expect, it } from 'vitest';
import { readSettings, type Verdict } from './experiment.ts';
import { madeUp, varyBySeed } from './made-up.ts';
import { judge, plans } from './mlp.ts';
import type { ScaledSettings } from './scaled-optimizer.ts';

const settings = readSettings<ScaledSettings>('mlp', false);

type Cell = { readonly line: string; readonly factor: number; readonly seed: number };

const verdictOn = (
  measure: (cell: Cell) => { loss: number; [quantity: string]: number },
): Verdict => judge(madeUp(plans(settings), varyBySeed(measure)), settings);

describe('mlp', () => {
  const hasScalars = (line: string): boolean => line.endsWith('scalars');
  const rises = (factor: number): number => 0.03 * Math.max(0, Math.log2(factor));

  it('is reproduced where both optimizers degrade, and scalars keep loss and outputs flat', () => {
    const measure = ({ line, factor }: Cell) => ({
      loss: 2 + (hasScalars(line) ? 0.2 : 1) * rises(factor),
      output: factor ** (hasScalars(line) ? 0.1 : 1),
    });
    expect(verdictOn(measure).verdict).toBe('reproduced');
  });

  it('is partly reproduced where one optimizer shows it', () => {
    const measure = ({ line, factor }: Cell) => ({
      loss: 2 + (line === 'Muon, scalars' ? 1 : hasScalars(line) ? 0.2 : 1) * rises(factor),
      output: factor ** (hasScalars(line) ? 0.1 : 1),
    });
    expect(verdictOn(measure).verdict).toBe('partly');
  });

  it('is not seen where nothing degrades', () => {
    expect(verdictOn(({ factor }) => ({ loss: 2, output: factor })).verdict).toBe(
      'not seen at this size',
    );
  });
});
