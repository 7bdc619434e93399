import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { variableOf } from '@tfjs-lrm/core/kit';
import { distances, sumsByScale } from './balance.ts';
import { orbitsOf } from './orbits.ts';
import type { Slices } from './symmetry.ts';
import { walk } from './walk.ts';
import { withoutScales } from './without-scales.ts';

/** Σ θ² over all axes except those of the slices, one sum for each position along those. */
function squares({ weight, axes }: Slices): tf.Tensor1D {
  const others = weight.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return tf.reshape(tf.sum(tf.square(variableOf(weight)), others), [-1]);
}

/**
 * The distance of a model from balance along each of its symmetries, in nats: the root mean square over the scales of
 * |t|, where scaling by e^t would bring a scale to its balanced point; see `rebalance`. A ratio of norms of e^2 between
 * the two sides is 1 nat. The order is that of `findSymmetries(model)`; rotations and translations have no balanced
 * point and give 0. Scales with a side of zeros are left out.
 *
 * The sums are computed on the device and read once: cheap enough to log every 100 steps.
 *
 * @returns one number for each symmetry
 * @throws TypeError for something that is not a model
 * @see arXiv 2601.04890, fig. 4
 * @example
 * const drift = symmetryDrift(model); // [0.13, 0.02]
 */
export function symmetryDrift(model: LayersModel): number[] {
  const circuit = walk('symmetryDrift', model);
  const orbits = orbitsOf(circuit);
  const all = orbits.flatMap(({ slices }) => slices);
  const keyOf = ({ weight, axes }: Slices): string => `${weight.id}:${axes}`;
  const unique = new Map(
    all.filter(({ weight }) => weight.trainable).map((slices) => [keyOf(slices), slices]),
  );
  const shifts = withoutScales(circuit).map(() => 0);
  if (unique.size === 0) return [...orbits.map(() => 0), ...shifts];
  const read = tf.tidy(() => tf.concat([...unique.values()].map(squares)).dataSync());
  const sums = new Map<string, ArrayLike<number>>();
  let from = 0;
  for (const [key, { index }] of unique) {
    sums.set(key, read.subarray(from, from + index.length));
    from += index.length;
  }
  const drift = orbits.map((orbit) => {
    const bySide = orbit.slices.map((slices) => {
      const sumsOfSide = sums.get(keyOf(slices));
      return sumsOfSide && sumsByScale(slices.index, sumsOfSide, orbit.scales);
    });
    const distance = distances(orbit, bySide);
    const logs = [...distance].filter((log) => log !== 0);
    const mean = logs.reduce((sum, log) => sum + log ** 2, 0) / Math.max(1, logs.length);
    return Math.sqrt(mean);
  });
  return [...drift, ...shifts];
}
