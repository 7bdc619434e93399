/** A random search that walks downhill. */
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** Factors by name; what is not named is 1. */
export type Factors = Readonly<Record<string, number>>;

const normal = (random: RandomGenerator): number =>
  Math.sqrt(-2 * Math.log(1 - uniformFloat64(random))) *
  Math.cos(2 * Math.PI * uniformFloat64(random));

/** A stage of a search: how many trials it has, what it changes, and by how much. */
export interface Stage {
  readonly trials: number;
  readonly names: readonly string[];
  /** Standard deviation of the binary logarithm of a change. */
  readonly spread: number;
}

/**
 * The factors with the lowest loss: the first trial has all at 1; each trial of a stage multiplies the best so far by
 * 2^(spread · N(0, 1)) in every name of the stage.
 */
export async function search(
  stages: readonly Stage[],
  random: RandomGenerator,
  loss: (factors: Factors) => Promise<number>,
): Promise<{ readonly best: Factors; readonly losses: readonly number[] }> {
  let best: Factors = {};
  let lowest = await loss(best);
  const losses = [lowest];
  for (const { trials, names, spread } of stages)
    for (let trial = 0; trial < trials; trial++) {
      const tried: Factors = {
        ...best,
        ...Object.fromEntries(
          names.map((name) => [name, (best[name] ?? 1) * 2 ** (spread * normal(random))]),
        ),
      };
      const reached = await loss(tried);
      losses.push(reached);
      if (reached < lowest) [best, lowest] = [tried, reached];
    }
  return { best, losses };
}
