/** Changes the state that optimizers keep for a variable, and binds loaded state to a model immediately. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { booleanRule, checkOptions } from './check.ts';
import { nodeOf } from './node.ts';
import { pathTo } from './route.ts';
import { keyed } from './state.ts';
import { variableOf } from './tfjs-objects.ts';
import { asTensorOptimizer } from './tfjs-optimizer.ts';

/** What `transformState` passes along with a slot. */
export interface SlotInfo {
  /** The power of the gradient by which the slot scales; null if its optimizer does not say. */
  readonly gradientPower: number | null;
  /** The optimizer that keeps the slot. */
  readonly optimizer: tf.Optimizer;
}

/**
 * Replaces every slot of a variable by a function of it, in all optimizers that the variable passes through. Use it
 * when the variable itself is rescaled. Inside `reparametrize` the slots are those of W, which stands in for the
 * variable.
 *
 * @param fn gets the slot's name (`m`, `v`, `momentum`, …), its value, and how it scales with the gradient; returns a
 *   tensor of the same shape
 * @example
 * // after kernel := a · kernel, its gradients are those before divided by a
 * transformState(optimizer, kernel, (slot, value, { gradientPower }) => tf.div(value, a ** gradientPower));
 */
export function transformState(
  optimizer: tf.Optimizer,
  variable: tf.Variable,
  fn: (slot: string, value: tf.Tensor, info: SlotInfo) => tf.Tensor,
): void {
  const root = asTensorOptimizer(optimizer);
  nodeOf(root).bind(keyed([variable]), 'names');
  tf.tidy(() => {
    pathTo(root, variable).forEach(({ optimizer: keeper, variable: substitute }, i, path) => {
      // Substituted variables keep their own moments; skip the original.
      if ((path[i + 1]?.variable ?? substitute) !== substitute) return;
      const powers = keeper.gradientPowers;
      const { wrapped } = nodeOf(keeper);
      for (const [name, slot] of keeper.slots(substitute)) {
        const gradientPower = Object.hasOwn(powers, name) ? (powers[name] as number) : null;
        slot.assign(fn(name, slot, { gradientPower, optimizer: wrapped ?? keeper }));
      }
    });
  });
}

/** @inline */
interface BindOptions {
  /** Whether state of another shape is an error, and state that matches no variable keeps waiting. */
  readonly strict?: boolean | undefined;
}

/**
 * Binds state that `setWeights` received to a model's variables immediately, by the names in the model's file, instead
 * of at the first step. State that matches no variable of the model keeps waiting; with `strict: false` it is dropped
 * for good, as is state of another shape, such as that of a replaced head.
 *
 * @param options strict: whether another shape is an error, and unmatched state keeps waiting (true)
 * @returns the saved names of the variables whose state was not bound: it waits, or with `strict: false` was dropped
 * @throws Error when a saved slot has another shape than the variable of its name, unless `strict` is false; RangeError
 *   for an unknown option or a value out of range
 * @example
 * await optimizer.setWeights(saved);
 * const without = bindState(optimizer, model, { strict: false }); // ['head/kernel', 'head/bias']
 */
export function bindState(
  optimizer: tf.Optimizer,
  model: LayersModel,
  options: BindOptions = {},
): readonly string[] {
  checkOptions('bindState', options, { strict: booleanRule(false) });
  const names = new Map(
    model.trainableWeights.map((weight) => [variableOf(weight), weight.originalName]),
  );
  const variables = keyed(names.keys(), (variable) => names.get(variable) as string);
  const matching = (options.strict ?? true) ? 'names' : 'fitting';
  return nodeOf(asTensorOptimizer(optimizer)).bind(variables, matching);
}
