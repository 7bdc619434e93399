/** Matrices before the first step, with what decides their scales if they get nothing but noise. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { variableOf } from '@tfjs-lrm/core/kit';
import { type Recipe, recipeOf } from '@tfjs-lrm/diagnostics';
import { matricesOf, scalesOf } from './matrix-scales.ts';

/** A matrix before the first step, and how the optimizer will treat it. */
export interface Origin {
  readonly shape: readonly number[];
  /** Root mean square. */
  readonly start: number;
  readonly recipe: Recipe;
}

/** The origins of the matrices of a model that has not been trained, by the names of their layers. */
export async function originsOf(
  model: LayersModel,
  optimizer: tf.Optimizer,
): Promise<Record<string, Origin>> {
  const matrices = await matricesOf(model);
  const scales = scalesOf(matrices);
  const kernels = new Map(
    model.weights
      .filter(({ shape }) => shape.length === 2)
      .map((weight) => [weight.originalName.split('/')[0], variableOf(weight)]),
  );
  return Object.fromEntries(
    matrices.flatMap(({ name, shape }) => {
      const recipe = recipeOf(optimizer, kernels.get(name) as tf.Variable);
      return recipe === null
        ? []
        : [[name, { shape, start: scales[name]?.stored as number, recipe }]];
    }),
  );
}
