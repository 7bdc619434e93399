/** The short version of `npm run study:widths`: fewer rates, a factor of 2 apart. */
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../test/backends.ts';
import { type Parametrization, sweep } from './widths.ts';

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  test('the rate that is best for a narrow model is best for a wide one under µP, and too high without', async () => {
    const rates = [2 ** -9, 2 ** -8, 2 ** -7, 2 ** -6];
    const settings = { widths: [32, 256], rates, steps: 40, seeds: 1 };
    /** The wide model's loss at the narrow one's best rate over its least loss, and the way between the two rates. */
    const transfer = async (parametrization: Parametrization) => {
      const [narrow, wide] = await sweep(parametrization, settings);
      const { losses, best } = wide!;
      return { ratio: losses[narrow!.best]! / losses[best]!, fall: narrow!.best - best };
    };
    const [mup, standard] = [await transfer('µP'), await transfer('standard')];
    expect(mup.fall).toBe(0);
    expect(standard.fall).toBeGreaterThanOrEqual(2);
    expect(standard.ratio).toBeGreaterThan(1.1);
  }, 300_000);
});
