/** Every symmetry that is reported is real: moving along it changes weights, and no output. */
import * as tf from '@tensorflow/tfjs-core';
import type * as layersApi from '@tensorflow/tfjs-layers';
import { expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { buildModel, inputsOf, MODEL_NAMES } from '../test/models.ts';
import { movesOf } from '../test/move-along.ts';
import { findSymmetries } from './index.ts';

/** Outputs in inference and in training, where batches normalise. */
function outputs(model: layersApi.LayersModel, x: tf.Tensor): number[] {
  return tf.tidy(() => {
    // A pass in training moves the running statistics.
    const statistics = model.nonTrainableWeights.map((weight) => tf.clone(weight.read()));
    const found = [false, true].flatMap((training) =>
      values(model.apply(x, { training }) as tf.Tensor),
    );
    model.nonTrainableWeights.forEach((weight, at) => {
      (weight.read() as tf.Variable).assign(statistics[at] as tf.Tensor);
    });
    return found;
  });
}

const difference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number)))) /
  Math.max(...b.map(Math.abs));

eachBackend(() => {
  it.each(MODEL_NAMES)('moving "%s" along each of its symmetries changes no output', (name) => {
    for (const seed of [1, 2]) {
      const model = buildModel(name, seed);
      const x = inputsOf(model, seed);
      const symmetries = findSymmetries(model);
      const moves = movesOf(model, seed);
      expect(moves.length).toBe(symmetries.length);
      const before = outputs(model, x);
      moves.forEach((move, at) => {
        const weights = model.getWeights().map(values);
        move();
        const moved = model.getWeights().map(values);
        const changed = model.weights
          .filter((_, i) => difference(moved[i] as number[], weights[i] as number[]) > 1e-3)
          .map(({ originalName }) => originalName);
        const { sides } = symmetries[at] as (typeof symmetries)[number];
        expect(new Set(changed)).toEqual(new Set(sides.map(({ variable }) => variable)));
        expect(difference(outputs(model, x), before), `${symmetries[at]?.reason}`).toBeLessThan(
          5e-5,
        );
      });
      x.dispose();
      model.dispose();
    }
  });
});
