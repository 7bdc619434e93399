/** The short version of `npm run study:widths`. */
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../test/backends.ts';
import { gridFrom, sweep } from './widths.ts';

describe('on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  test('the rate that is best for a narrow model is good for a wide one under µP, and too high without', async () => {
    const settings = { widths: [64, 256], rates: gridFrom(2 ** -9.5, 8), steps: 60, seeds: 1 };
    /** The wide model's loss at the narrow one's best rate over its least loss; the step of the grid between them. */
    const transfer = async (parametrization: 'µP' | 'standard') => {
      const [narrow, wide] = await sweep(parametrization, settings);
      const { losses, best } = wide!;
      return {
        ratio: losses[narrow!.best]! / losses[best]!,
        fall: narrow!.best - best,
      };
    };
    const [mup, standard] = [await transfer('µP'), await transfer('standard')];
    expect(mup.ratio).toBeLessThan(1.05);
    expect(standard.ratio).toBeGreaterThan(1.15);
    expect(mup.fall).toBeLessThanOrEqual(1);
    expect(standard.fall).toBeGreaterThanOrEqual(2);
    console.log(mup, standard);
  });
});
