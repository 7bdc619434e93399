import { checkOptions, numberRule } from '@tfjs-lrm/core/kit';
import {
  checkWalk,
  type Factors,
  scheduled,
  type WalkOptions,
  walkRules,
} from './brownian-band.ts';
import { normalNoise } from './noise.ts';
import { checkRecipe, type Recipe } from './recipe.ts';
import { walkersOf } from './simulated-updates.ts';

/** @inline */
interface SimulationOptions extends WalkOptions {
  /** How many entries stand for the weight, at least; more are slower and closer to the expectation. */
  readonly entries?: number | undefined;
  /** Root mean square of the gradients, which matters only near Adam's ε. */
  readonly gradient?: number | undefined;
  /** Of the noise. */
  readonly seed?: number | undefined;
}

const rules = {
  ...walkRules,
  entries: numberRule({ min: 1, integer: true, try: '2048' }),
  gradient: numberRule({ min: 0, try: '1' }),
  seed: numberRule({ integer: true, try: '0' }),
};

/**
 * The scale of a weight that its optimizer trains on gradients of independent normal noise, from its actual start: Adam
 * Brownian motion (arXiv 2601.04890, sec. 3), and the same for Muon and for every coupling of decay. The random walk itself
 * is taken, so it holds where the formulas of `brownianBand` do not: gradients near Adam's ε, cautious decay.
 *
 * A sample of entries stands for the weight: of a matrix of Muon, a smaller one with the same ratio of its sides, up to
 * 1 : 16. A thousand steps of 2,048 entries take about 0.1 s with Adam and 1 s with Muon.
 *
 * @param shape of the weight
 * @param schedule the factor of the learning rate at a step from 0, as those of `@tfjs-lrm/schedule`
 * @param recipe from `recipeOf(optimizer, variable)`, or a literal; its `factor` is ignored
 * @param options steps; start, the root mean square before the first step; entries (2048, at most those of the shape);
 *   gradient, the root mean square of the noise (1); seed (0)
 * @returns the root mean square before each step and after the last: steps + 1 values
 * @throws TypeError for something that is not a shape or a recipe; RangeError for options out of range, and a schedule that returns something else
 * @example
 * const rule = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
 * const recipe = { rule, learningRate: 1e-2, decay: 0.5, cautious: true };
 * simulateBrownian([64, 64], () => 1, recipe, { steps: 100, start: 0.02 });
 */
export function simulateBrownian(
  shape: readonly number[],
  schedule: Factors,
  recipe: Recipe,
  options: SimulationOptions,
): Float64Array {
  checkWalk('simulateBrownian', shape, options);
  checkOptions('simulateBrownian', options, rules);
  checkRecipe('simulateBrownian', recipe);
  const { steps, start, entries = 2048, gradient = 1, seed = 0 } = options;
  const { rule, cautious = false } = recipe;
  const normal = normalNoise(seed);
  const size = shape.reduce((product, length) => product * length, 1);
  const walkers = walkersOf(rule, Math.min(entries, size), gradient, normal);
  const weights = walkers.map(({ size }) =>
    Float64Array.from({ length: size }, () => start * normal()),
  );
  const updates = weights.map(({ length }) => new Float64Array(length));
  const rms = new Float64Array(steps + 1).fill(start);
  const rates = scheduled('simulateBrownian', recipe, schedule);
  for (let step = 0; step < steps; step++) {
    const { rate, share } = rates(step);
    let square = 0;
    walkers.forEach(({ next, size, share: part }, at) => {
      const [w, u] = [weights[at] as Float64Array, updates[at] as Float64Array];
      next(u);
      let sum = 0;
      for (let i = 0; i < size; i++) {
        const [old, update] = [w[i] as number, u[i] as number];
        const decays = !cautious || update * old > 0;
        const value = old * (1 - (decays ? share : 0)) - rate * update;
        w[i] = value;
        sum += value * value;
      }
      square += (part * sum) / size;
    });
    rms[step + 1] = Math.sqrt(square);
  }
  return rms;
}
