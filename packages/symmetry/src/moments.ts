import * as tf from '@tensorflow/tfjs-core';
import { transformState } from '@tfjs-lrm/core';
import { nameOfClass } from '@tfjs-lrm/core/kit';

type SlotInfo = Parameters<Parameters<typeof transformState>[2]>[2];

function powerOf(
  where: string,
  variable: tf.Variable,
  slot: string,
  { gradientPower, optimizer }: SlotInfo,
): number {
  if (gradientPower !== null) return gradientPower;
  throw new RangeError(
    `${where}: ${nameOfClass(optimizer.getClassName())} keeps "${slot}" for variable "${variable.name}", and does not say how that scales with the gradient. Give its class "gradientPowers" with ${slot}: 1 for a mean of gradients, 2 for one of squares, 0 for what does not scale; or rebalance before training starts.`,
  );
}

/**
 * Throws unless all state that an optimizer keeps for these variables can be scaled with them.
 *
 * @throws RangeError for a slot without a known power
 */
export function checkMoments(
  where: string,
  optimizer: tf.Optimizer,
  variables: readonly tf.Variable[],
): void {
  for (const variable of variables) {
    transformState(optimizer, variable, (slot, value, info) => {
      powerOf(where, variable, slot, info);
      // State is handed over as a whole; a variable that is assigned itself would lose its data.
      return tf.clone(value);
    });
  }
}

/** Scales moments as if the variable had been `by` times as large in all steps so far, and its gradients divided by it. */
export function scaleMoments(
  where: string,
  optimizer: tf.Optimizer,
  variable: tf.Variable,
  by: tf.Tensor,
): void {
  transformState(optimizer, variable, (slot, value, info) => {
    const power = powerOf(where, variable, slot, info);
    return power === 0 ? tf.clone(value) : tf.mul(value, tf.pow(by, -power));
  });
}
