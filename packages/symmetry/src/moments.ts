import * as tf from '@tensorflow/tfjs-core';
import { transformState } from '@tfjs-lrm/core';
import { updaterOf } from '@tfjs-lrm/core/kit';

/**
 * By which power of the factor a slot is multiplied when its variable is: a gradient is divided by what the
 * variable is multiplied by.
 */
const POWERS: Readonly<Record<string, number>> = {
  m: -1,
  v: -2,
  momentum: -1,
  rms: -2,
  mg: -1,
  accumulator: -2,
  accum_grad: -2,
  // A mean of squared updates, which tfjs starts from the gradient itself.
  accum_var: -2,
};

/** Where an optimizer of tfjs calls something else by such a name. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  // A maximum of magnitudes, not of squares.
  Adamax: { v: -1 },
  // Of updates, which are divided by √rms already.
  RMSProp: { momentum: 0 },
};

function powerOf(
  where: string,
  optimizer: tf.Optimizer,
  variable: tf.Variable,
  slot: string,
): number {
  const { stateName } = updaterOf(optimizer, variable);
  const power = EXCEPTIONS[stateName]?.[slot] ?? POWERS[slot];
  if (power === undefined) {
    throw new RangeError(
      `${where}: the optimizer keeps "${slot}" for variable "${variable.name}", and how that changes when the variable is scaled is not known. Known are ${Object.keys(POWERS).join(', ')}. Try an optimizer with these, or rebalance before training starts.`,
    );
  }
  return power;
}

/**
 * Checks that everything an optimizer keeps for these variables can be scaled with them.
 *
 * @throws RangeError for a slot that is not known
 */
export function checkMoments(
  where: string,
  optimizer: tf.Optimizer,
  variables: readonly tf.Variable[],
): void {
  for (const variable of variables) {
    transformState(optimizer, variable, (slot, value) => {
      powerOf(where, optimizer, variable, slot);
      // State is handed over as a whole; a variable that is assigned itself would lose its data.
      return tf.clone(value);
    });
  }
}

/** What moments would be, had the variable been `by` times as large in all steps so far. */
export function scaleMoments(
  where: string,
  optimizer: tf.Optimizer,
  variable: tf.Variable,
  by: tf.Tensor,
): void {
  transformState(optimizer, variable, (slot, value) => {
    const power = powerOf(where, optimizer, variable, slot);
    return tf.mul(value, tf.pow(by, power));
  });
}
