import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { apply } from './move.ts';
import { orbitsOf } from './orbits.ts';
import { checkSpread, type SpreadOptions } from './symmetry-breaking.ts';
import { walk } from './walk.ts';

/**
 * Moves a model to a random point on the orbit of each of its multiplicative symmetries: one side of every scale is
 * multiplied by e^(spread · N(0, 1)), the other divided by it. Outputs stay the same up to rounding, but channels that
 * were equal no longer are, and get different gradients. In a general-linear or complex group only the positive factors
 * are used. Normalisations are left alone, because they treat all channels alike.
 *
 * Call it before training: moments of an optimizer are not moved.
 *
 * @param options spread, the standard deviation of the logarithm, in nats; seed, a whole number
 * @throws TypeError for something that is not a model, RangeError for a wrong or missing option
 * @example
 * breakSymmetry(model, { spread: 0.1, seed: 1 });
 */
export function breakSymmetry(model: LayersModel, options: SpreadOptions): void {
  const circuit = walk('breakSymmetry', model);
  checkSpread('breakSymmetry', options);
  const orbits = orbitsOf(circuit).filter(({ kind }) => kind === 'multiplicative');
  const total = orbits.reduce((sum, { scales }) => sum + scales, 0);
  const { spread, seed } = options;
  // A single draw, so that no two orbits get the same numbers.
  const drawn = tf.tidy(() => tf.randomNormal([total], 0, spread, 'float32', seed).dataSync());
  let from = 0;
  const moves = orbits.map((orbit) => {
    const logs = drawn.subarray(from, from + orbit.scales);
    from += orbit.scales;
    return { orbit, logs };
  });
  apply('breakSymmetry', moves);
}
