/** The short version of `npm run study:widths`: fewer rates, a factor of 2 apart. */
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { tensorsLeftBy } from '../../../test/tensors.ts';
import { cellsIn } from './cells.ts';
import type { Parametrization } from './student.ts';
import { type Sweep, sweep } from './sweep.ts';

const SHORT: Omit<Sweep, 'parametrizations'> = {
  ...{ widths: [32, 256], rates: [2 ** -9, 2 ** -8, 2 ** -7, 2 ** -6, 2 ** -5], seeds: 1 },
  ...{ steps: 40, batch: 64, schedule: 'linear', head: 'random', loss: 'validation' },
};

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  test('the rate that is best for a narrow model is best for a wide one under µP, and too high without', async () => {
    /** The wide model's loss at the narrow one's best rate over its least loss, and the way between the two rates. */
    const transfer = async (parametrization: Parametrization) => {
      const [narrow, wide] = await sweep({ ...SHORT, parametrizations: [parametrization] });
      const { losses, best } = wide!;
      return { ratio: losses[narrow!.best]! / losses[best]!, fall: narrow!.best - best };
    };
    const [mup, standard] = [await transfer('µP'), await transfer('standard')];
    expect(mup.fall).toBe(0);
    expect(standard.fall).toBeGreaterThanOrEqual(2);
    expect(standard.ratio).toBeGreaterThan(1.1);
  }, 300_000);

  test('a sweep trains what is missing among the cells alone, and leaves no tensor', async () => {
    const cells = cellsIn();
    const few: Sweep = {
      ...SHORT,
      ...{
        parametrizations: ['standard', 'µP'],
        widths: [8, 16],
        rates: [2 ** -7, 2 ** -6],
        steps: 8,
      },
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
    expect(again.map(({ parametrization, width }) => [parametrization, width])).toEqual([
      ['standard', 8],
      ['standard', 16],
      ['µP', 8],
      ['µP', 16],
    ]);
    expect(await trained(few)).toBe(0);
    expect(await trained({ ...few, loss: 'training' })).toBe(0);
    expect(await trained({ ...few, seeds: 2 })).toBe(8);
    expect(await trained({ ...few, head: 'zero' })).toBe(8);
  });

  test('at the base width both parametrizations are the same model', async () => {
    const [standard, , mup] = await sweep({
      ...SHORT,
      ...{ parametrizations: ['standard', 'µP'], widths: [8, 16], rates: [2 ** -7], steps: 8 },
    });
    expect(mup!.losses).toEqual(standard!.losses);
  });
});
