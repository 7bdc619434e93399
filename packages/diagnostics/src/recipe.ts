import type * as tf from '@tensorflow/tfjs-core';
import { asTensorOptimizer, ratesOf } from '@tfjs-lrm/core';
import {
  type Decay,
  isVariable,
  nodeOf,
  pathTo,
  type Station,
  show,
  type UpdateRule,
} from '@tfjs-lrm/core/kit';

/** How an optimizer treats one variable: all that decides its scale when its gradients are noise. */
export interface Recipe {
  /** How gradients become updates. */
  readonly rule: UpdateRule;
  /** Base learning rate η, before schedules, per step; the variable's own factor (`setRates`) is in it. */
  readonly learningRate: number;
  /** The schedules' factor f of the learning rate now (1). */
  readonly factor?: number | undefined;
  /** Weight decay λ (0). */
  readonly decay?: number | undefined;
  /** The share of the weight that decays in a step: η·λ, λ alone, or η²·λ, where η includes f ('learning-rate'). */
  readonly coupling?: Decay['coupling'] | undefined;
  /** Whether decay acts only where the update already shrinks the weight (false). */
  readonly cautious?: boolean | undefined;
}

/** Throws for what cannot be a recipe. */
export function checkRecipe(where: string, recipe: unknown): asserts recipe is Recipe {
  const { rule, learningRate } = (recipe ?? {}) as Partial<Recipe>;
  if (typeof rule?.kind === 'string' && typeof learningRate === 'number') return;
  throw new TypeError(
    `${where}: a recipe must have a rule and a learningRate. Received ${show(recipe)}. Try recipeOf(optimizer, variable).`,
  );
}

/** The learning rate and the share of the weight that decays, in a step in which the schedules have this factor. */
export function ratesAt(
  { learningRate, decay = 0, coupling = 'learning-rate' }: Recipe,
  factor: number,
): { rate: number; share: number } {
  const rate = learningRate * factor;
  const strength = {
    'learning-rate': rate,
    independent: factor,
    'learning-rate-squared': rate ** 2,
  };
  return { rate, share: strength[coupling] * decay };
}

/** The decay of all adapters on the path; those inside one another add up. */
function decayOn(path: readonly Station[]): Decay | null {
  const decays = path.flatMap(
    ({ optimizer, variable }) => nodeOf(optimizer).decayOf(variable) ?? [],
  );
  const [first, ...others] = decays;
  if (first === undefined) return null;
  const odd = others.find(
    ({ coupling, cautious }) => coupling !== first.coupling || cautious !== first.cautious,
  );
  if (odd !== undefined) {
    throw new Error(
      `recipeOf: all decay of a variable must have one coupling. Received '${first.coupling}' around '${odd.coupling}' for "${path[0]?.variable.name}". Use one withWeightDecay.`,
    );
  }
  return { ...first, decay: decays.reduce((sum, { decay }) => sum + decay, 0) };
}

/**
 * How an optimizer treats a variable, found through adapters, `byRole`, Muon's fallback and `reparametrize`, where it is
 * what happens to W.
 *
 * @param optimizer any optimizer; tfjs' own Adam has a recipe, its other optimizers have none
 * @param variable what it trains
 * @returns null for an optimizer that does not say how its updates follow from gradients
 * @throws TypeError for something that is not an optimizer or a variable; Error where several decays with different couplings act
 * @example
 * const optimizer = withWeightDecay(adam({ learningRate: 1e-3 }), { decay: 0.1 });
 * recipeOf(optimizer, tf.variable(tf.ones([64, 64])))?.decay; // 0.1
 */
export function recipeOf(optimizer: tf.Optimizer, variable: tf.Variable): Recipe | null {
  const outermost = asTensorOptimizer(optimizer);
  if (!isVariable(variable)) {
    throw new TypeError(
      `recipeOf: the second argument must be a tf.Variable. Received ${show(variable)}. Try recipeOf(optimizer, layer.weights[0].read()).`,
    );
  }
  return recipeOn(pathTo(outermost, variable));
}

/** The same, given the path of the variable. */
export function recipeOn(path: readonly Station[]): Recipe | null {
  const { optimizer: updater, variable: trained } = path.at(-1) as Station;
  const rule = nodeOf(updater).ruleOf(trained);
  if (rule === null) return null;
  const { decay, coupling, cautious } = decayOn(path) ?? {
    decay: 0,
    coupling: 'learning-rate',
    cautious: false,
  };
  return {
    rule,
    learningRate: updater.learningRate * ratesOf(trained).learningRate,
    factor: nodeOf(updater).factor,
    decay,
    coupling,
    cautious,
  };
}
