import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { booleanRule, checkOptions, type Rule, variableOf } from '@tfjs-lrm/core/kit';
import { distances, scaleOfElements, sumsByScale } from './balance.ts';
import { checkMoments } from './moments.ts';
import { apply, weightsOf } from './move.ts';
import { orbitsOf } from './orbits.ts';
import type { Orbit } from './symmetry.ts';
import { walk } from './walk.ts';

/** The options of `rebalance`. */
export interface RebalanceOptions {
  /** The optimizer whose moments are scaled to match. Default: the one that the model is compiled with, if any. */
  readonly optimizer?: tf.Optimizer | undefined;
  /**
   * Whether to move along normalisations too. Default false, because the epsilon that a normalisation adds to the
   * variance makes them only approximate symmetries.
   */
  readonly normalisation?: boolean | undefined;
}

const isOptimizer: Rule = (value) =>
  typeof (value as { applyGradients?: unknown } | null)?.applyGradients === 'function'
    ? null
    : { must: 'be a tf.Optimizer', try: 'model.optimizer' };

/** The rules of the options, also for functions that pass them on. */
export const rules: { readonly [option in keyof Required<RebalanceOptions>]: Rule } = {
  optimizer: isOptimizer,
  normalisation: booleanRule(false),
};

// In nats. A float32 weight cannot change by less.
const CLOSE = 1e-8;
const MOST_SWEEPS = 500;

/** The logarithms of all scales at the joint balanced point: least squares, coordinate by coordinate. */
function balancedPoint(orbits: readonly Orbit[]): Float64Array[] {
  const squares = new Map<LayerVariable, Float64Array>();
  for (const weight of weightsOf(orbits)) {
    if (!weight.trainable) continue;
    squares.set(
      weight,
      Float64Array.from(variableOf(weight).dataSync(), (value) => value ** 2),
    );
  }
  const all = orbits.map((orbit) => ({
    orbit,
    total: new Float64Array(orbit.scales),
    sides: orbit.slices.map(({ weight, axes, index, exponent }) => {
      const values = squares.get(weight);
      return values && { values, exponent, index: scaleOfElements(weight, axes, index) };
    }),
  }));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let farthest = 0;
    for (const { orbit, total, sides } of all) {
      const logs = distances(
        orbit,
        sides.map((side) => side && sumsByScale(side.index, side.values, orbit.scales)),
      );
      for (const side of sides) {
        if (side === undefined) continue;
        const { values, index, exponent } = side;
        const factors = logs.map((log) => Math.exp(2 * exponent * log));
        for (let i = 0; i < values.length; i++) {
          const scale = index[i] as number;
          if (scale >= 0) values[i] = (values[i] as number) * (factors[scale] as number);
        }
      }
      logs.forEach((log, i) => {
        total[i] = (total[i] as number) + log;
        farthest = Math.max(farthest, Math.abs(log));
      });
    }
    if (farthest < CLOSE) break;
  }
  return all.map(({ total }) => total);
}

/**
 * Moves a model along all of its scaling symmetries at once to the balanced point, where the sums of squares on both
 * sides of each are equal: the point with the least sum of squares that computes the same function. Under θ → a·θ a
 * gradient becomes g/a, so Adam's moments become m/a and v/a², as if the weights had been there from the start. Outputs
 * stay the same up to rounding, and frozen weights stay as they are.
 *
 * What changes is the training from there on. Plain gradient descent takes other steps, since ∂L/∂(a·θ) = g/a. Adam's
 * step has the same size η in a·θ as in θ, so the side that became larger moves less relative to its size, and the
 * other more; its epsilon weighs more where a > 1 made v smaller. Decoupled decay that is the same fraction on both
 * sides acts on the product as before; decay that differs, as between a kernel and its multiplier, starts from other
 * sizes.
 *
 * It reads all moving weights once and so waits for the device.
 *
 * @param options the optimizer, by default the model's own; `normalisation` to move along those too
 * @throws TypeError for something that is not a model; RangeError for wrong options, and for an optimizer with
 *   state that it does not know how to scale
 * @see arXiv 2601.04890, sec. 4.1
 * @example
 * rebalance(model, { optimizer });
 */
export function rebalance(model: LayersModel, options: RebalanceOptions = {}): void {
  const circuit = walk('rebalance', model);
  checkOptions('rebalance', options, rules);
  const optimizer =
    options.optimizer ?? (model.optimizer as tf.Optimizer | null | undefined) ?? null;
  const orbits = orbitsOf(circuit).filter(
    ({ kind }) => kind === 'multiplicative' || options.normalisation === true,
  );
  if (optimizer !== null) {
    const trained = weightsOf(orbits).filter(({ trainable }) => trainable);
    checkMoments('rebalance', optimizer, trained.map(variableOf));
  }
  const logs = balancedPoint(orbits);
  const moves = orbits.map((orbit, i) => ({ orbit, logs: logs[i] as Float64Array }));
  apply('rebalance', moves, optimizer);
}
