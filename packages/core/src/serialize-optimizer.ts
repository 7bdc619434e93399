import type * as tf from '@tensorflow/tfjs-core';
import { nodeOf, type OptimizerConfig } from './node.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

/**
 * An optimizer as `{ className, config }`, the form in which adapters save the one inside.
 *
 * @throws Error for a class that was never registered, and for options that cannot be saved
 * @example
 * deserializeOptimizer('here', serializeOptimizer(adam())); // one like it, without its state
 */
export function serializeOptimizer(optimizer: tf.Optimizer): OptimizerConfig {
  return nodeOf(asTensorOptimizer(optimizer)).toConfig();
}
