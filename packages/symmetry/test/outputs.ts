import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { random, values } from '../../../test/tensors.ts';

/** All outputs in inference and in training, with the same random numbers each time and statistics left as they are. */
export function outputsOf(model: LayersModel, x: tf.Tensor): number[][] {
  const { random: original } = Math;
  Math.random = random(11);
  try {
    return tf.tidy(() => {
      const state = model.nonTrainableWeights.map((weight) => tf.clone(weight.read()));
      const outputs = [false, true].flatMap((training) =>
        [model.apply(x, { training }) as tf.Tensor | tf.Tensor[]].flat().map(values),
      );
      model.nonTrainableWeights.forEach((weight, at) => {
        const [now, before] = [weight.read() as tf.Variable, state[at] as tf.Tensor];
        // A variable that is assigned its own data would lose it.
        if (now.dataId !== before.dataId) now.assign(before);
      });
      return outputs;
    });
  } finally {
    Math.random = original;
  }
}

/** The largest difference of the outputs, in relation to the largest number of each. */
export function difference(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): number {
  return Math.max(
    ...a.map((numbers, at) => {
      const others = b[at] as readonly number[];
      const largest = Math.max(...numbers.map(Math.abs), 1e-6);
      return (
        Math.max(...numbers.map((value, i) => Math.abs(value - (others[i] as number)))) / largest
      );
    }),
  );
}
