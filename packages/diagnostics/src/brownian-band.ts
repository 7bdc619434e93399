import { checkOptions, numberRule, type Rule, show } from '@tfjs-lrm/core/kit';
import { refuseCautious } from './cautious.ts';
import { checkRecipe, type Recipe, ratesAt } from './recipe.ts';
import { type UpdateNoise, updateNoise } from './update-noise.ts';

/** @inline */
export interface WalkOptions {
  /** How many steps. */
  readonly steps: number;
  /** Root mean square at the start. */
  readonly start: number;
}

/** What noise and decay alone would make of a scale: each list has its value before step 0, 1, … and after the last. */
export interface Band {
  /** The root mean square that is expected. */
  readonly rms: Float64Array;
  /** Two standard deviations below, for a weight with so many independent entries. */
  readonly low: Float64Array;
  /** Two standard deviations above. */
  readonly high: Float64Array;
}

/** The learning rate and the share that decays in a step. */
export type Rates = (step: number) => { readonly rate: number; readonly share: number };

/** The mean square of a walk, and how much of the start is left in it. */
export interface Moment {
  readonly square: number;
  readonly kept: number;
}

/**
 * The mean square of w ← (1 − share)·w − rate·u after each step, exactly for the autocovariance of u: next to E[w²] it
 * follows E[w·u] for each echo.
 */
export function* momentsOf(
  { variance, echoes, corrected }: UpdateNoise,
  rates: Rates,
  steps: number,
  start: number,
): Generator<Moment> {
  let [square, left] = [start ** 2, 1];
  const products = echoes.map(() => 0);
  // Of a running mean that starts at zero: the variance in units of the final one, and the correction of its size.
  let [growth, correction] = [corrected === 0 ? 1 : 0, corrected === 0 ? 1 : 0];
  for (let step = 0; step < steps; step++) {
    const { rate, share } = rates(step);
    const kept = 1 - share;
    growth = corrected ** 2 * growth + 1 - corrected ** 2;
    correction = corrected * correction + 1 - corrected;
    const length = rate / correction;
    let product = 0;
    echoes.forEach(({ weight, memory }, i) => {
      // E[w·u], before this step, of the update that the step makes
      const before = memory * (products[i] as number);
      product += before;
      products[i] = kept * before - length * weight * growth;
    });
    square = kept ** 2 * square - 2 * kept * length * product + length ** 2 * variance * growth;
    left *= kept;
    yield { square, kept: left };
  }
}

/** The scale that a walk is expected to have, and two standard deviations on either side. */
export function spreadOf(
  { square, kept }: Moment,
  start: number,
  entries: number,
): { readonly rms: number; readonly low: number; readonly high: number } {
  // The start is known, so only what noise added, and its product with the rest of the start, is uncertain.
  const rest = (kept * start) ** 2;
  const added = Math.max(0, square - rest);
  const deviation = Math.sqrt((2 * added ** 2 + 4 * added * rest) / entries);
  return {
    rms: Math.sqrt(square),
    low: Math.sqrt(Math.max(0, square - 2 * deviation)),
    high: Math.sqrt(square + 2 * deviation),
  };
}

/** A schedule of factors of the learning rate, with a step counted from 0. */
export type Factors = (step: number) => number;

/** The rates of a recipe under a schedule; throws at a factor that is none. */
export function scheduled(where: string, recipe: Recipe, schedule: Factors): Rates {
  return (step) => {
    const factor = schedule(step);
    if (Number.isFinite(factor) && factor >= 0) return ratesAt(recipe, factor);
    throw new RangeError(
      `${where}: a schedule must return a finite factor >= 0. Received ${show(factor)} at step ${step}.`,
    );
  };
}

/** Rules of what a walk cannot do without. */
export const walkRules: Readonly<Record<'steps' | 'start', Rule>> = {
  steps: numberRule({ min: 0, integer: true, try: '1000' }),
  start: numberRule({ min: 0, try: '0.02' }),
};

/** Throws where a walk has no shape, no length or no start. */
export function checkWalk(
  where: string,
  shape: unknown,
  options: Partial<WalkOptions> | undefined,
): void {
  if (!Array.isArray(shape)) {
    throw new TypeError(
      `${where}: the shape must be an array of numbers. Received ${show(shape)}. Try ${where}([64, 64], () => 1, recipe, { steps: 1000, start: 0.02 }).`,
    );
  }
  const { steps, start } = options ?? {};
  if (steps !== undefined && start !== undefined) return;
  throw new RangeError(
    `${where}: a walk needs steps and start. Received ${show({ steps, start })}. Try { steps: 1000, start: 0.02 }.`,
  );
}

/**
 * The scale of a weight over the steps of a run in which noise and decay alone act on it, as a band: from its actual start,
 * with the rates and decays of the run. What leaves the band for long is moved by something else, as the data.
 *
 * The expected square follows from the autocovariance of the updates without any randomness, so this is as fast for a
 * million steps as it takes to count them; `simulateBrownian` draws the noise instead.
 *
 * @param shape of the weight; its number of entries sets the width of the band
 * @param schedule the factor of the learning rate at a step from 0, as those of `@tfjs-lrm/schedule`
 * @param recipe from `recipeOf(optimizer, variable)`, or a literal; its `factor` is ignored
 * @param options steps; start, the root mean square before the first step
 * @returns rms, low and high, with steps + 1 values each, the start first
 * @throws TypeError for something that is not a shape or a recipe; RangeError for cautious decay, options out of range, and a schedule that returns something else
 * @example
 * const rule = { kind: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
 * const recipe = { rule, learningRate: 1e-2, decay: 0.5 };
 * const { rms } = brownianBand([64, 64], () => 1, recipe, { steps: 1000, start: 0.02 });
 * rms.at(-1); // 0.1
 */
export function brownianBand(
  shape: readonly number[],
  schedule: Factors,
  recipe: Recipe,
  options: WalkOptions,
): Band {
  checkWalk('brownianBand', shape, options);
  checkOptions('brownianBand', options, walkRules);
  checkRecipe('brownianBand', recipe);
  refuseCautious('brownianBand', recipe);
  const { steps, start } = options;
  const entries = shape.reduce((product, length) => product * length, 1);
  const empty = (): Float64Array => new Float64Array(steps + 1).fill(start);
  const band = { rms: empty(), low: empty(), high: empty() };
  const rates = scheduled('brownianBand', recipe, schedule);
  let step = 0;
  for (const moment of momentsOf(updateNoise(recipe.rule), rates, steps, start)) {
    step++;
    const { rms, low, high } = spreadOf(moment, start, entries);
    [band.rms[step], band.low[step], band.high[step]] = [rms, low, high];
  }
  return band;
}
