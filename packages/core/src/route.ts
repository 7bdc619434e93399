/** The path of a variable through a tree of optimizers. */
import type * as tf from '@tensorflow/tfjs-core';
import { type Member, nodeOf } from './node.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

/** An optimizer on the path of a variable, and what reaches it: the variable itself, or its substitutes. */
export interface Station {
  readonly optimizer: Member;
  readonly variable: tf.Variable;
}

/** The optimizers that a variable passes through, outermost first; the last one updates it. */
export function pathTo(optimizer: tf.Optimizer, variable: tf.Variable): Station[] {
  const path: Station[] = [];
  const visit = (station: Station): Station[] => {
    path.push(station);
    const node = nodeOf(station.optimizer);
    const next = node.route(station.variable);
    if (next === station.optimizer) return path;
    const [first] = node.substitutes({ variable: station.variable, key: station.variable.name });
    return visit({ optimizer: next, variable: first?.variable ?? station.variable });
  };
  return visit({ optimizer: asTensorOptimizer(optimizer), variable });
}

/**
 * The optimizer that updates a variable, found through adapters, `byRole` and fallbacks.
 *
 * @example
 * updaterOf(optimizer, kernel).rateOf(kernel); // its learning rate, a scalar variable
 */
export function updaterOf(optimizer: tf.Optimizer, variable: tf.Variable): Member {
  return lastStation(optimizer, variable).optimizer;
}

/** The end of the path of a variable: the optimizer that updates it, or what stands in for it there. */
export function lastStation(optimizer: tf.Optimizer, variable: tf.Variable): Station {
  return pathTo(optimizer, variable).at(-1) as Station;
}
