/** The short version of `npm run study:widths`: fewer rates, a factor of 2 apart. */
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { cellsIn } from './cells.ts';
import type { Parametrization } from './student.ts';
import { type Sweep, sweep } from './sweep.ts';

const SHORT: Omit<Sweep, 'parametrization'> = {
  ...{ widths: [64, 256], rates: [2 ** -8, 2 ** -7, 2 ** -6, 2 ** -5], seeds: 1 },
  ...{ steps: 40, batch: 64, schedule: 'linear', head: 'random', loss: 'validation' },
};

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  test('the rate that is best for a narrow model is best for a wide one under µP, and four times too high without', async () => {
    const fall = async (parametrization: Parametrization): Promise<number> => {
      const [narrow, wide] = await sweep({ ...SHORT, parametrization });
      return narrow!.best - wide!.best;
    };
    expect(await fall('µP')).toBe(0);
    expect(await fall('standard')).toBeGreaterThanOrEqual(2);
  }, 300_000);

  test('a sweep trains what is missing among the cells alone, and leaves no tensor', async () => {
    const cells = cellsIn();
    const few: Sweep = {
      ...SHORT,
      ...{ parametrization: 'µP', widths: [8, 16], rates: [2 ** -7, 2 ** -6], steps: 8 },
    };
    const trained = async (settings: Sweep): Promise<number> => {
      let count = 0;
      await sweep(settings, cells, () => {
        count++;
      });
      return count;
    };
    expect(await tensorsLeftBy(() => trained(few))).toBe(0);
    const again = await sweep(few, cells);
    expect(again).toEqual(await sweep(few));
    expect(again.map(({ width }) => width)).toEqual([8, 16]);
    expect(await trained(few)).toBe(0);
    expect(await trained({ ...few, loss: 'training' })).toBe(0);
    expect(await trained({ ...few, seeds: 2 })).toBe(4);
    expect(await trained({ ...few, head: 'zero' })).toBe(4);
    expect(await trained({ ...few, parametrization: 'standard' })).toBe(4);
  });

  test('at the base width both parametrizations are the same model', async () => {
    const lossesOf = async (parametrization: Parametrization) => {
      const settings = { ...SHORT, widths: [8, 16], rates: [2 ** -7], steps: 8, parametrization };
      const [narrow] = await sweep(settings);
      return narrow!.losses;
    };
    expect(await lossesOf('µP')).toEqual(await lossesOf('standard'));
  });
});
