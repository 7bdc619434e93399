/** Intervals of means over tasks, from paired differences that are drawn again and again. */
import { mean } from '@tfjs-lrm/language-model';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { below } from './task.ts';

/** A mean with its interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const DRAWS = 2000;
const SEED = 13;

function estimateOf(value: number, drawn: readonly number[], confidence: number): Estimate {
  const sorted = drawn.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round(part * (sorted.length - 1))] as number;
  return { value, low: at((1 - confidence) / 2), high: at((1 + confidence) / 2) };
}

/**
 * The mean difference of each task and that over all tasks, with bootstrap intervals by percentiles: training seeds are
 * drawn with replacement, for all tasks alike, and within each task its examples, for all seeds alike.
 *
 * @param differences [task][seed][example]
 * @see Efron and Tibshirani, 1993, An Introduction to the Bootstrap, chapter 13
 */
export function pairedBootstrap(
  differences: readonly (readonly (readonly number[])[])[],
  confidence: number,
): { readonly tasks: Estimate[]; readonly all: Estimate } {
  const random = xoroshiro128plus(SEED);
  const means = differences.map((seeds) => mean(seeds.map(mean)));
  const drawn = differences.map((): number[] => []);
  const seedCount = differences[0]?.length ?? 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    const seeds = Array.from({ length: seedCount }, () => below(seedCount, random));
    differences.forEach((task, t) => {
      const count = task[0]?.length ?? 0;
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const example = below(count, random);
        for (const seed of seeds) sum += task[seed]?.[example] as number;
      }
      drawn[t]?.push(sum / (count * seedCount));
    });
  }
  const overall = Array.from({ length: DRAWS }, (_, d) =>
    mean(drawn.map((task) => task[d] as number)),
  );
  return {
    tasks: means.map((value, t) => estimateOf(value, drawn[t] as number[], confidence)),
    all: estimateOf(mean(means), overall, confidence),
  };
}
