import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** The recipe of a walk. */
export interface Walk {
  readonly steps: number;
  /** The factor of the learning rate at a step, from 0. */
  readonly schedule: (step: number) => number;
  readonly learningRate: number;
  readonly decay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Root mean square at the start. */
  readonly start: number;
}

const ENTRIES = 2048;
const SEED = 11;

/**
 * Adam Brownian motion (arXiv 2601.04890, sec. 3): the root mean square of weights that AdamW trains on gradients of
 * N(0, 1) alone. Where the rate is constant for long it is about √(η / 2λ).
 */
export function brownianNorm(walk: Walk): number {
  const { steps, schedule, learningRate, decay, beta1, beta2, epsilon, start } = walk;
  const random = xoroshiro128plus(SEED);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - uniformFloat64(random))) *
    Math.cos(2 * Math.PI * uniformFloat64(random));
  const weights = Float64Array.from({ length: ENTRIES }, () => start * normal());
  const m = new Float64Array(ENTRIES);
  const v = new Float64Array(ENTRIES);
  for (let step = 0; step < steps; step++) {
    const rate = learningRate * schedule(step);
    const [first, second] = [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
    for (let i = 0; i < ENTRIES; i++) {
      const gradient = normal();
      m[i] = beta1 * (m[i] as number) + (1 - beta1) * gradient;
      v[i] = beta2 * (v[i] as number) + (1 - beta2) * gradient * gradient;
      const update = (m[i] as number) / first / (Math.sqrt((v[i] as number) / second) + epsilon);
      weights[i] = (weights[i] as number) * (1 - rate * decay) - rate * update;
    }
  }
  return Math.sqrt(weights.reduce((sum, weight) => sum + weight * weight, 0) / ENTRIES);
}
