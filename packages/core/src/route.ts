/** The way of a variable through a tree of optimizers. */
import type * as tf from '@tensorflow/tfjs-core';
import { type Member, nodeOf } from './node.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

/** An optimizer on the way of a variable, and what it gets: the variable itself, or what stands for it. */
interface Station {
  readonly optimizer: Member;
  readonly variable: tf.Variable;
}

/** The optimizers that a variable passes through, outermost first, the one that updates it last. */
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
 * updaterOf(optimizer, kernel).rate; // the scalar that its learning rate is read from
 */
export function updaterOf(optimizer: tf.Optimizer, variable: tf.Variable): Member {
  return (pathTo(optimizer, variable).at(-1) as Station).optimizer;
}
