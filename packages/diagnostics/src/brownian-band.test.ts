import { describe, expect, test } from 'vitest';
import { brownianBand, predictEquilibriumRms, type Recipe, simulateBrownian } from './index.ts';

const rule = { kind: 'adam', beta1: 0.9, beta2: 0.95, epsilon: 1e-8 } as const;
const recipe = { rule, learningRate: 0.01, decay: 1 };
const shape = [50, 40];

describe('the scale that noise alone gives', () => {
  // a simulation in NumPy of 100,000 coordinates at η 0.01, λ 1, over 700 steps
  test.each([
    [0.9, 0.9, 0.06731],
    [0.9, 0.95, 0.06709],
    [0.9, 0.99, 0.06738],
    [0.9, 0.999, 0.06776],
    [0.8, 0.95, 0.06829],
    [0, 0.95, 0.06946],
  ])('AdamW settles where NumPy says: β1 %f, β2 %f', (beta1, beta2, expected) => {
    const rms = predictEquilibriumRms({ ...recipe, rule: { ...rule, beta1, beta2 } });
    expect(Math.abs(rms / expected - 1)).toBeLessThan(0.006);
  });

  test('a band ends at the equilibrium from any start, and begins at the start', () => {
    for (const start of [0, 0.02, 0.5]) {
      const { rms, low, high } = brownianBand(shape, () => 1, recipe, { steps: 1500, start });
      expect(rms[0]).toBe(start);
      expect(low[0]).toBe(start);
      expect(rms[1500]! / predictEquilibriumRms(recipe)).toBeCloseTo(1, 5);
      expect(low[1500]!).toBeLessThan(rms[1500]!);
      expect(high[1500]!).toBeGreaterThan(rms[1500]!);
    }
  });

  test('nineteen of twenty walks lie in the band, whose width is that of the number of entries', () => {
    const options = { steps: 60, start: 0.05 };
    const small = [10, 10];
    const { low, high } = brownianBand(small, () => 1, recipe, options);
    const inside = Array.from({ length: 200 }, (_, seed) =>
      simulateBrownian(small, () => 1, recipe, { ...options, seed }),
    ).filter((walk) => walk[60]! > low[60]! && walk[60]! < high[60]!);
    expect(inside.length).toBeGreaterThan(180);
    expect(inside.length).toBeLessThan(198);
  });

  test('without decay and with a rate of 0 nothing moves', () => {
    const { rms } = brownianBand(shape, () => 0, recipe, { steps: 5, start: 0.3 });
    expect([...rms]).toEqual(new Array(6).fill(0.3));
    expect(predictEquilibriumRms({ ...recipe, factor: 0 })).toBe(Number.POSITIVE_INFINITY);
  });

  test('gradients near Adam’s ε, and cautious decay, are simulated', () => {
    const run = (changed: Partial<Recipe>, gradient = 1): number =>
      simulateBrownian(
        shape,
        () => 1,
        { ...recipe, ...changed },
        {
          steps: 700,
          start: 0.07,
          gradient,
        },
      ).at(-1)!;
    expect(run({}, 1e-8)).toBeLessThan(0.7 * run({}));
    // a simulation in NumPy: 1.73 · √(η / 2λ) at β2 = 0.99
    const cautious = run({ cautious: true, rule: { ...rule, beta2: 0.99 } });
    expect(cautious / Math.sqrt(0.01 / 2)).toBeCloseTo(1.73, 1);
  });

  test('a walk without a length or a start, and a schedule that returns something else, are refused', () => {
    expect(() => brownianBand(shape, () => 1, recipe, { steps: 5 } as never)).toThrow(
      'brownianBand: a walk needs steps and start.',
    );
    expect(() => simulateBrownian(shape, () => 1, recipe, { steps: 1.5, start: 0 })).toThrow(
      'simulateBrownian: "steps" must be a finite whole number >= 0. Received 1.5',
    );
    expect(() => brownianBand(shape, () => Number.NaN, recipe, { steps: 2, start: 1 })).toThrow(
      'a schedule must return a finite factor >= 0. Received NaN at step 0',
    );
  });
});
