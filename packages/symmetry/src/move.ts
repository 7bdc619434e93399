import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { variableOf } from '@tfjs-lrm/core/kit';
import { scaleMoments } from './moments.ts';
import type { Orbit, Slices } from './symmetry.ts';

/** A move along an orbit: the logarithm of each of its scales, in nats. */
export interface Move {
  readonly orbit: Orbit;
  readonly logs: ArrayLike<number>;
}

/** The factors of a weight's slices, in a shape that broadcasts over the weight. */
function factorOf({ weight, axes, exponent, index }: Slices, logs: ArrayLike<number>): tf.Tensor {
  const factors = Float32Array.from(index, (i) =>
    i < 0 ? 1 : Math.exp(exponent * (logs[i] as number)),
  );
  return tf.tensor(
    factors,
    weight.shape.map((size, axis) => (axes.includes(axis) ? (size as number) : 1)),
  );
}

/** The weights that change in moves along these orbits. */
export function weightsOf(orbits: readonly Orbit[]): LayerVariable[] {
  return [...new Set(orbits.flatMap(({ slices }) => slices.map(({ weight }) => weight)))];
}

/**
 * Moves along several orbits at once: multiplies every weight once, by the product of all its factors, and scales its
 * moments to match.
 */
export function apply(
  where: string,
  moves: readonly Move[],
  optimizer: tf.Optimizer | null = null,
): void {
  const factors = new Map<LayerVariable, (() => tf.Tensor)[]>();
  for (const { orbit, logs } of moves) {
    for (const slices of orbit.slices) {
      const makers = factors.get(slices.weight) ?? [];
      factors.set(slices.weight, [...makers, () => factorOf(slices, logs)]);
    }
  }
  for (const [weight, makers] of factors) {
    tf.tidy(() => {
      const factor = makers.map((make) => make()).reduce((product, next) => tf.mul(product, next));
      const variable = variableOf(weight);
      variable.assign(tf.mul(variable, factor));
      if (optimizer !== null && weight.trainable) scaleMoments(where, optimizer, variable, factor);
    });
  }
}
