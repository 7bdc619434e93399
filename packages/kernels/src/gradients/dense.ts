import { type GradConfig, sum, type Tensor } from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { DENSE, DENSE_GRADIENT, runDense, runDenseGradient } from '../dense.ts';
import type { Gradient } from './gradient.ts';

/** The two operations are each other's gradients, so that there is one of every order. */
const denseGradient: GradConfig = {
  kernelName: DENSE,
  inputsToSave: ['x', 'kernel'],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor;
    const [x, kernel] = saved as [Tensor, Tensor];
    const { transposeKernel } = attributes<{ transposeKernel: boolean }>(attrs);
    return {
      x: () => runDense(dy, kernel, undefined, !transposeKernel),
      kernel: () => (transposeKernel ? runDenseGradient(dy, x) : runDenseGradient(x, dy)),
      bias: () => sum(dy, [...dy.shape.keys()].slice(0, -1)),
    };
  },
};

const gradientOfGradient: GradConfig = {
  kernelName: DENSE_GRADIENT,
  inputsToSave: ['x', 'dy'],
  gradFunc: (gradient, saved) => {
    const ddKernel = gradient as Tensor;
    const [x, dy] = saved as [Tensor, Tensor];
    return {
      x: () => runDense(dy, ddKernel, undefined, true),
      dy: () => runDense(x, ddKernel),
    };
  },
};

export const denseGradients: readonly Gradient[] = [
  { gradient: denseGradient },
  { gradient: gradientOfGradient },
];
