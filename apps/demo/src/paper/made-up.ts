/** Made-up results, for the tests of the rules. */
import type { Measured, Outcome, Plan, Varied } from './experiment.ts';

/** An outcome of every cell that is planned. */
export const madeUp = <V extends Varied>(
  plans: readonly Plan<V>[],
  measure: (cell: V & { readonly seed: number }) => Measured,
): Outcome<V>[] =>
  plans.map((plan) => ({
    cell: { ...plan, backend: 'wasm', compile: 'off' },
    measured: measure({ ...plan.varied, seed: plan.seed }),
  }));
