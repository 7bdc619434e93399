/** How an adapter or a group takes an optimizer in. */
import type * as tf from '@tensorflow/tfjs-core';
import { type Member, nodeOf, treeOf } from './node.ts';
import { nameOfClass } from './registry.ts';
import type { TensorOptimizer } from './tensor-optimizer.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

/** The optimizer under the common contract. Throws as `adopt` does, but does not take it. */
export function adoptable(owner: Member, inner: tf.Optimizer): TensorOptimizer {
  const candidate = asTensorOptimizer(inner);
  const { owner: current } = nodeOf(candidate);
  if (current !== null && current !== owner) {
    throw new Error(
      `${owner.getClassName()}: ${inner.getClassName()} is already inside ${current.getClassName()}. Give each its own optimizer.`,
    );
  }
  if (candidate.isDisposed) {
    throw new Error(
      `${owner.getClassName()}: ${inner.getClassName()} was disposed. Make a new optimizer.`,
    );
  }
  if (owner.assignsVariables) refuseRemade(owner, candidate);
  return candidate;
}

// The optimizer inside would silently overwrite what is assigned from outside.
function refuseRemade(owner: Member, inner: Member): void {
  const maker = treeOf(inner).find((each) => nodeOf(each).remakesVariables);
  if (maker === undefined) return;
  const [outside, inside] = [owner, maker].map((each) => nameOfClass(each.getClassName()));
  throw new Error(
    `${outside}: it must be inside ${inside}, which makes the variables anew in each step from others of its own; what is assigned to them from outside would be lost. Try ${inside}(${outside}(optimizer)).`,
  );
}

/**
 * Takes an optimizer into another one. Wraps one of tfjs' own in the common contract, and makes sure that no optimizer
 * is inside two others, where each step would count and act twice.
 *
 * @throws TypeError for something that is not an optimizer; Error naming both when it is already taken, and for an owner
 *   that assigns to variables which an optimizer inside makes anew
 */
export function adopt(owner: Member, inner: tf.Optimizer): TensorOptimizer {
  const taken = adoptable(owner, inner);
  nodeOf(taken).owner = owner;
  return taken;
}
