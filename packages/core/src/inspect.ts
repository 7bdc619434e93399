import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { keyed } from './state.ts';
import type { TensorOptimizer } from './tensor-optimizer.ts';
import { variableOf } from './tfjs-objects.ts';
import { asTensorOptimizer, isTensorOptimizer } from './tfjs-optimizer.ts';

/** An optimizer on the way of an entry, and the variable that it gets: the given one, or what stands for it. */
interface Station {
  readonly at: TensorOptimizer;
  readonly variable: tf.Variable;
}

/** The optimizers that a variable's entry passes through, outermost first, the one that updates it last. */
function pathTo(optimizer: tf.Optimizer, target: tf.Variable): Station[] {
  const path: Station[] = [];
  for (let at = asTensorOptimizer(optimizer), variable = target; ; ) {
    path.push({ at, variable });
    const next = at.route(variable);
    if (next === at || next === null) return path;
    variable = at.inside({ variable, key: variable.name })[0]?.variable ?? variable;
    at = next as TensorOptimizer;
  }
}

/** The optimizer that updates a variable, found through adapters, `byRole` and fallbacks. */
export function updaterOf(optimizer: tf.Optimizer, variable: tf.Variable): TensorOptimizer {
  return (pathTo(optimizer, variable).at(-1) as Station).at;
}

/**
 * The effective learning rate (base rate times schedule) of a variable, found through adapters, `byRole` and
 * fallbacks: inside a step that of this step, between steps that of the last one. A live scalar: never
 * dispose it.
 *
 * @example
 * tf.mul(learningRateOf(optimizer, kernel), 0.1);
 */
export function learningRateOf(optimizer: tf.Optimizer, variable: tf.Variable): tf.Scalar {
  return updaterOf(optimizer, variable).rate;
}

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
 * Replaces every slot of a variable by a function of it, in all optimizers that the variable passes
 * through: what must happen to moments when the parameter itself is rescaled. Inside `reparametrize` these are
 * the slots of W, which stands for the variable.
 *
 * @param fn gets the slot's name (`m`, `v`, `momentum`, …) and its value; returns a tensor of the same shape
 * @example
 * // after kernel := a · kernel, its gradients are those before divided by a
 * transformState(optimizer, kernel, (slot, value) => slot === 'm' ? tf.div(value, a) : tf.div(value, a * a));
 */
export function transformState(
  optimizer: tf.Optimizer,
  variable: tf.Variable,
  fn: (slot: string, value: tf.Tensor) => tf.Tensor,
): void {
  const root = asTensorOptimizer(optimizer);
  root.bindState(keyed([variable]), true);
  tf.tidy(() => {
    pathTo(root, variable).forEach(({ at, variable: own }, i, path) => {
      // An optimizer that lets others stand for the variable keeps those, and no moments of it.
      if ((path[i + 1]?.variable ?? own) !== own) return;
      for (const [name, slot] of at.slots(own)) slot.assign(fn(name, slot));
    });
  });
}

/**
 * Binds state that `setWeights` took to a model's variables at once, by the names that the model's file
 * has, instead of at the first step. What matches no variable of the model stays waiting.
 *
 * @throws Error when a saved slot has another shape than the variable of its name
 * @example
 * await optimizer.setWeights(saved);
 * bindState(optimizer, model);
 */
export function bindState(optimizer: tf.Optimizer, model: LayersModel): void {
  const names = new Map(
    model.trainableWeights.map((weight) => [variableOf(weight), weight.originalName]),
  );
  asTensorOptimizer(optimizer).bindState(
    keyed(names.keys(), (variable) => names.get(variable) as string),
    true,
  );
}

/**
 * The first optimizer with a class name, searched from the outside inwards, tfjs' own included; null when
 * there is none.
 *
 * @example
 * findOptimizer(model.optimizer, 'Adam'); // the tf.train.adam() inside the adapters
 */
export function findOptimizer(optimizer: tf.Optimizer, className: string): tf.Optimizer | null {
  if (optimizer.getClassName() === className) return optimizer;
  if (!isTensorOptimizer(optimizer)) return null;
  for (const inner of optimizer.inners()) {
    const found = findOptimizer(inner, className);
    if (found !== null) return found;
  }
  return null;
}
