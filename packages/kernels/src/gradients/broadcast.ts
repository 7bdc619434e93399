import {
  BatchMatMul,
  type BatchMatMulAttrs,
  backend_util,
  cast,
  type GradConfig,
  greater,
  greaterEqual,
  logicalNot,
  Maximum,
  Minimum,
  matMul,
  maximum,
  minimum,
  mul,
  neg,
  reshape,
  SquaredDifference,
  squaredDifference,
  sub,
  sum,
  type Tensor,
  util,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';

/** The sum of `gradient` over the axes along which a tensor of `shape` was broadcast. */
export function sumTo(gradient: Tensor, shape: number[]): Tensor {
  const axes = backend_util.getReductionAxes(shape, gradient.shape);
  return reshape(axes.length === 0 ? gradient : sum(gradient, axes), shape);
}

/** {@link sumTo} for a gradient that was computed for this input alone, and so need not become a new tensor. */
const fit = (gradient: Tensor, shape: number[]): Tensor =>
  util.arraysEqual(gradient.shape, shape) ? gradient : sumTo(gradient, shape);

/** A gradient from the derivatives with respect to a and to b, each of the shape of the result. */
const ofBinary = (
  kernelName: string,
  derivatives: (dy: Tensor, a: Tensor, b: Tensor) => { a: () => Tensor; b: () => Tensor },
): GradConfig => ({
  kernelName,
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as [Tensor, Tensor];
    const wanted = derivatives(dy as Tensor, a, b);
    return { a: () => fit(wanted.a(), a.shape), b: () => fit(wanted.b(), b.shape) };
  },
});

const where = (dy: Tensor, mask: Tensor): Tensor => mul(dy, cast(mask, 'float32'));

const squaredDifferenceGradient = ofBinary(SquaredDifference, (dy, a, b) => {
  const slope = (): Tensor => mul(dy, mul(2, sub(a, b)));
  return { a: slope, b: () => neg(slope()) };
});

// Where the elements are equal, `a` gets the gradient, as in tfjs.
const maximumGradient = ofBinary(Maximum, (dy, a, b) => ({
  a: () => where(dy, greaterEqual(a, b)),
  b: () => where(dy, logicalNot(greaterEqual(a, b))),
}));

const minimumGradient = ofBinary(Minimum, (dy, a, b) => ({
  a: () => where(dy, logicalNot(greater(a, b))),
  b: () => where(dy, greater(a, b)),
}));

const matMulGradient: GradConfig = {
  kernelName: BatchMatMul,
  inputsToSave: ['a', 'b'],
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor;
    const [a, b] = saved as [Tensor, Tensor];
    const { transposeA, transposeB } = attributes<BatchMatMulAttrs>(attrs);
    const ofA = (): Tensor =>
      transposeA ? matMul(b, dy, transposeB, true) : matMul(dy, b, false, !transposeB);
    const ofB = (): Tensor =>
      transposeB ? matMul(dy, a, true, transposeA) : matMul(a, dy, !transposeA, false);
    return { a: () => fit(ofA(), a.shape), b: () => fit(ofB(), b.shape) };
  },
};

/** Gradients that tfjs returns in the shape of the result where one operand was broadcast, and then rejects. */
export const broadcastGradients: readonly Gradient[] = [
  {
    gradient: squaredDifferenceGradient,
    example: { of: (x) => squaredDifference(x, [[1], [2]]), at: [1, 2], expected: [-2, 2] },
  },
  {
    gradient: maximumGradient,
    example: { of: (x) => maximum(x, [[0], [3]]), at: [1, 2], expected: [1, 1] },
  },
  {
    gradient: minimumGradient,
    example: { of: (x) => minimum(x, [[0], [3]]), at: [1, 2], expected: [1, 1] },
  },
  {
    gradient: matMulGradient,
    example: {
      of: (x) =>
        matMul(reshape(x, [1, 2]), [
          [[1], [2]],
          [[3], [4]],
        ]),
      at: [1, 2],
      expected: [4, 6],
    },
  },
];
