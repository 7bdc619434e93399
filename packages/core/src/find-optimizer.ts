import type * as tf from '@tensorflow/tfjs-core';
import { nearest } from './check.ts';
import { nodeOf, treeOf } from './node.ts';
import { knownNames, nameOfClass } from './registry.ts';
import { isTensorOptimizer } from './tfjs-optimizer.ts';

/**
 * The first optimizer of a name, searched from the outside inwards, tfjs' own included; null when there is none.
 *
 * @param name that of the function that makes it, as `'muon'` or `'withSchedule'`, or of its class, as `'Adam'`
 * @throws RangeError for a name that no known optimizer has; lists the names in this tree
 * @example
 * findOptimizer(model.optimizer, 'adam');
 * findOptimizer(model.optimizer, 'Adam'); // the tf.train.adam() inside the adapters
 */
export function findOptimizer(optimizer: tf.Optimizer, name: string): tf.Optimizer | null {
  const inside: tf.Optimizer[] = isTensorOptimizer(optimizer)
    ? treeOf(optimizer).flatMap((each) => {
        const { wrapped } = nodeOf(each);
        // The wrapper of one of tfjs' own is an internal detail.
        return wrapped === null ? [each] : [wrapped];
      })
    : [optimizer];
  const hasName = (each: tf.Optimizer): boolean =>
    each.getClassName() === name || nameOfClass(each.getClassName()) === name;
  const match = inside.find(hasName);
  if (match !== undefined) return match;
  const here = inside.map((each) => nameOfClass(each.getClassName()));
  if (knownNames().includes(name)) return null;
  throw new RangeError(
    `findOptimizer: no optimizer is called "${name}". Here are ${here.join(', ')}. Did you mean "${nearest(name, [...here, ...knownNames()])}"?`,
  );
}
