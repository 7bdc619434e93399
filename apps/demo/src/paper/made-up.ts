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

/** The same numbers, with losses that differ by a thousandth from seed to seed. */
export const varyBySeed =
  <C extends { readonly seed: number }>(
    measure: (cell: C) => { readonly loss: number } & Measured,
  ) =>
  (cell: C): Measured => {
    const { loss, ...rest } = measure(cell);
    return { loss: loss + cell.seed / 1000, ...rest };
  };
