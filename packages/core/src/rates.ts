/** Factors of a variable's learning rate and decay, which every optimizer respects. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { checkOptions, numberRule } from './check.ts';
import { checkVariable, targetVariables } from './roles.ts';

/** What multiplies the learning rate and the decay of a variable; 1 and 1 unless `setRates` says otherwise. */
export interface Rates {
  /** Factor of the learning rate. */
  readonly learningRate: number;
  /** Factor of the weight decay λ. */
  readonly decay: number;
}

interface Shared {
  readonly factors: WeakMap<tf.Variable, Rates>;
  version: number;
}

// On globalThis, so that two copies of this package in one process agree on every factor.
const STORE: unique symbol = Symbol.for('tfjs-lrm/rates');
const store = globalThis as { [STORE]?: Shared };
store[STORE] ??= { factors: new WeakMap(), version: 0 };
const shared: Shared = store[STORE];

const NONE: Rates = { learningRate: 1, decay: 1 };

const factor = numberRule({ min: 0, try: '0.5' });
const rules = { learningRate: factor, decay: factor };

/**
 * How often the factors of any variable have changed. A recorded step holds the factors that it was recorded with, so
 * it is recorded again under another version.
 */
export function ratesVersion(): number {
  return shared.version;
}

/** The factors from `setRates`, which are saved with an optimizer; null where it was not called. */
export function explicitRates(variable: tf.Variable): Rates | null {
  return shared.factors.get(variable) ?? null;
}

/** Whether two variables, or a variable and a file, have the same factors. */
export function sameRates(a: Rates | null, b: Rates | null): boolean {
  return a === b || (a?.learningRate === b?.learningRate && a?.decay === b?.decay);
}

/** Records factors, or forgets them; the returned function undoes that. */
export function recordRates(variable: tf.Variable, rates: Rates | null): () => void {
  const before = explicitRates(variable);
  if (sameRates(before, rates)) return () => {};
  shared.version += 1;
  if (rates === null) shared.factors.delete(variable);
  else shared.factors.set(variable, rates);
  return () => void recordRates(variable, before);
}

/**
 * The factors of a variable's learning rate and decay: those that `setRates` gave it, else 1.
 *
 * @throws TypeError for something that is not a variable
 * @example
 * ratesOf(kernel).learningRate; // 1
 */
export function ratesOf(variable: tf.Variable): Rates {
  checkVariable('ratesOf', variable);
  return explicitRates(variable) ?? NONE;
}

/**
 * Multiplies the learning rate and the weight decay of a variable, of a layer's weight, or of all kernels of a layer by
 * factors of its own, as a parameter group of PyTorch does. With base rate η, schedules' factor f and decay λ, an
 * optimizer updates and decays the variable with
 *
 *   η · f · learningRate   and   λ · decay
 *
 * also around tfjs' own optimizers, in adapters or `asTensorOptimizer`; bare, these have one rate for all variables.
 * So decay that is coupled to the rate shrinks it by η · f · learningRate · λ · decay in each step. Factors are kept in
 * float32. What is not given stays as it is; 1 takes a factor away. Optimizers save the factors with their state and
 * restore them where a variable has none; factors that are set win over saved ones.
 *
 * @param rates learningRate and decay, factors without a unit, 0 or more. A rate of 0 keeps the variable where it is.
 * @throws RangeError for an unknown option or a value out of range; TypeError for a layer that is not built or has no
 *   kernel
 * @example
 * setRates(model.layers[0], { learningRate: 0.1 }); // fine-tuning: the first layer learns ten times slower
 */
export function setRates(
  target: tf.Variable | LayerVariable | layers.Layer,
  rates: { readonly learningRate?: number | undefined; readonly decay?: number | undefined },
): void {
  checkOptions('setRates', rates, rules);
  for (const variable of targetVariables('setRates', target)) {
    const { learningRate, decay } = ratesOf(variable);
    recordRates(variable, {
      // In float32, as a file holds them, so that a resumed run takes the same steps.
      learningRate: Math.fround(rates.learningRate ?? learningRate),
      decay: Math.fround(rates.decay ?? decay),
    });
  }
}
