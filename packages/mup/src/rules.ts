/** The tables of µP: learning rates, forward multipliers and initial values by kind of weight and kind of optimizer. */
import type * as tf from '@tensorflow/tfjs-core';
import { asTensorOptimizer } from '@tfjs-lrm/core';
import { nameOfClass, nodeOf, updaterOf } from '@tfjs-lrm/core/kit';
import { kindOf, type Sized } from './widths.ts';

type Scaling = 'match-rms-adamw' | 'original' | 'rms-to-rms' | 'none';

/** How the size of an update depends on the gradient, which decides how its rate depends on the width. */
export type Updates =
  /** Proportional to the gradient: SGD, with momentum or without. */
  | { readonly kind: 'sgd' }
  /** Independent of the gradient's scale, element by element: Adam and its relatives. */
  | { readonly kind: 'adam' }
  /** Orthogonal matrices, times a scale: Muon. */
  | {
      readonly kind: 'muon';
      readonly scaling: Scaling;
      readonly inputs: number;
      readonly outputs: number;
    };

const OF_TFJS: Readonly<Record<string, 'sgd' | 'adam'>> = {
  SGD: 'sgd',
  Momentum: 'sgd',
  Adam: 'adam',
  Adamax: 'adam',
  RMSProp: 'adam',
  Adagrad: 'adam',
  Adadelta: 'adam',
};

/**
 * What the optimizer that trains a variable makes of its gradients.
 *
 * @param fallback what an optimizer does that does not say it
 * @throws Error for an optimizer that does not say it, without a fallback
 */
export function updatesOf(
  optimizer: tf.Optimizer,
  variable: tf.Variable,
  fallback: 'sgd' | 'adam' | undefined,
): Updates {
  const updater = updaterOf(asTensorOptimizer(optimizer), variable);
  const { wrapped, ruleOf } = nodeOf(updater);
  const rule = ruleOf(variable);
  if (rule?.kind === 'adam') return { kind: 'adam' };
  const [block] = rule?.kind === 'orthogonal' ? rule.blocks : [];
  if (rule?.kind === 'orthogonal' && block !== undefined) {
    return { kind: 'muon', scaling: rule.scaling, inputs: block.inputs, outputs: block.outputs };
  }
  const className = (wrapped ?? updater).getClassName();
  const kind = OF_TFJS[className] ?? fallback;
  if (kind !== undefined) return { kind };
  throw new Error(
    `mup: ${nameOfClass(className)}, which trains "${variable.name}", does not say how its updates depend on gradients. Try mup(model, { base, rule: 'adam' }) if they do not depend on the gradient's scale, or { rule: 'sgd' } if they are proportional to it.`,
  );
}

const SCALES: Readonly<Record<Scaling, (inputs: number, outputs: number) => number>> = {
  'match-rms-adamw': (inputs, outputs) => Math.sqrt(Math.max(inputs, outputs)),
  original: (inputs, outputs) => Math.sqrt(Math.max(1, outputs / inputs)),
  'rms-to-rms': (inputs, outputs) => Math.sqrt(outputs / inputs),
  none: () => 1,
};

/** The factor of the learning rate of a weight without a multiplier: table 3, and for Muon the spectral condition. */
export function rateFactor(sized: Sized, updates: Updates): number {
  const { inputs, outputs } = sized;
  if (updates.kind === 'sgd') return outputs / inputs;
  if (updates.kind === 'adam') return 1 / inputs;
  const scale = SCALES[updates.scaling];
  const { inputs: wide, outputs: tall } = updates;
  return (Math.sqrt(outputs / inputs) * scale(wide / inputs, tall / outputs)) / scale(wide, tall);
}

/**
 * The factor of the learning rate where the forward pass multiplies the weight by c: a step of the product c·w is c
 * times one of w, and under SGD the gradient has another c.
 */
export function rateBehind(factor: number, multiplier: number, { kind }: Updates): number {
  return factor / (kind === 'sgd' ? multiplier ** 2 : multiplier);
}

/** The standard deviation of initial values over that in the base model. */
export function initialFactor(sized: Sized, hasMultiplier: boolean): number {
  const { inputs } = sized;
  switch (kindOf(sized)) {
    case 'hidden':
      return 1 / Math.sqrt(inputs);
    case 'output':
      return hasMultiplier ? 1 : 1 / inputs;
    default:
      return 1;
  }
}
