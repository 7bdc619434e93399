/** The learning rate of any optimizer, as a number or as the scalar that a step reads. */
import type * as tf from '@tensorflow/tfjs-core';
import { nodeOf } from './node.ts';
import { ratesOf } from './rates.ts';
import { lastStation } from './route.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

/**
 * The base learning rate of any optimizer as a number; `tf.Optimizer` hides it.
 *
 * @example
 * learningRate(model.optimizer); // 0.001
 */
export function learningRate(optimizer: tf.Optimizer): number {
  return asTensorOptimizer(optimizer).learningRate;
}

/**
 * The effective learning rate of any optimizer as a number: the base rate times the schedules' factors of the last
 * step, or of the first step if none was taken yet. For `byRole`, the rate of its default. With a variable, the rate of
 * that variable, its own factor (`setRates`) included.
 *
 * @param variable found through adapters, `byRole` and fallbacks
 * @example
 * effectiveLearningRate(model.optimizer); // 0.0005 where a schedule halves the base rate
 */
export function effectiveLearningRate(optimizer: tf.Optimizer, variable?: tf.Variable): number {
  if (variable === undefined) return nodeOf(asTensorOptimizer(optimizer)).effectiveRate();
  const station = lastStation(optimizer, variable);
  return nodeOf(station.optimizer).effectiveRate() * ratesOf(station.variable).learningRate;
}

/**
 * The effective learning rate (base rate times schedule times its own factor) of a variable, found through adapters, `byRole` and
 * fallbacks. Inside a step it is the rate of this step, between steps that of the last one. A live scalar: do not
 * dispose of it.
 *
 * @example
 * tf.mul(learningRateOf(optimizer, kernel), 0.1);
 */
export function learningRateOf(optimizer: tf.Optimizer, variable: tf.Variable): tf.Scalar {
  const station = lastStation(optimizer, variable);
  return station.optimizer.rateOf(station.variable);
}
