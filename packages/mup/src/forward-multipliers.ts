/** The learnable multipliers of a model that can hold the forward multipliers of µP. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { isWeight, kernelsWithAxes, layersIn, variableOf } from '@tfjs-lrm/core/kit';

// In this order: one number is enough, and rows of a head learn how frequent each output is.
const FACTORS = ['scalar', 'column', 'row'] as const;

function factorOf(kernel: object): LayerVariable | null {
  const { factors } = kernel as { factors?: Readonly<Record<string, unknown>> };
  const found = FACTORS.map((name) => factors?.[name]).find(isWeight);
  return found ?? null;
}

/** For each kernel with multipliers, the one that multiplies its forward pass by an initial value. */
export function forwardMultipliers(model: LayersModel): Map<tf.Variable, tf.Variable> {
  const all = new Set(model.layers.flatMap((layer) => [...layersIn(layer)]));
  return new Map(
    [...all].flatMap((layer) =>
      kernelsWithAxes(layer).flatMap((kernel) => {
        const factor = factorOf(kernel);
        return factor === null ? [] : [[variableOf(kernel.kernel), variableOf(factor)] as const];
      }),
    ),
  );
}
