import { type GradConfig, Mean, Sum, type Tensor } from '@tensorflow/tfjs-core';
import type { Gradient } from './gradient.ts';
import { inputsOf } from './tape.ts';

/**
 * The gradient from tfjs without saved inputs, of which it needs the shapes alone. Each saved tensor is a clone by a kernel,
 * a node of the tape, and memory until the backward pass.
 */
export const fromShapes = (stock: GradConfig): GradConfig => {
  const { inputsToSave = [], ...rest } = stock;
  return {
    ...rest,
    gradFunc: (dy, saved, attrs) => {
      const inputs = inputsOf(saved);
      return stock.gradFunc(dy, inputsToSave.map((name) => inputs[name]!) as Tensor[], attrs);
    },
  };
};

export const shapeGradients: readonly Gradient[] = [Mean, Sum].map((kernelName) => ({
  kernelName,
  create: fromShapes,
}));
