import {
  add,
  Cumprod,
  type CumprodAttrs,
  Cumsum,
  type CumsumAttrs,
  cumprod,
  cumsum,
  type GradConfig,
  mul,
  Prod,
  type ProdAttrs,
  prod,
  reshape,
  reverse,
  type Tensor,
  type Tensor3D,
  transpose,
  util,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { aroundAxis, padAxis, sliceAxis } from './axes.ts';
import type { Gradient } from './gradient.ts';

/** Each element is in the sums of all later ones: a sum in the opposite direction. */
const cumsumGradient: GradConfig = {
  kernelName: Cumsum,
  gradFunc: (dy, _, attrs) => {
    const { axis, exclusive, reverse } = attributes<CumsumAttrs>(attrs);
    return { x: () => cumsum(dy as Tensor, axis, exclusive, !reverse) };
  },
};

/**
 * With y_j = x_0 ⋯ x_j, ∂y_j/∂x_i is the product of all elements before i and all from i + 1 to j. There is no
 * division, so zeros are handled correctly too: Σ_j dy_j x_{i+1} ⋯ x_j =: s_i obeys s_i = dy_i + x_{i+1} s_{i+1}, which
 * takes log₂ steps.
 */
const cumprodGradient: GradConfig = {
  kernelName: Cumprod,
  inputsToSave: ['x'],
  gradFunc: (dy, saved, attrs) => {
    const [x] = saved as [Tensor];
    const { axis, exclusive, reverse: isReverse } = attributes<CumprodAttrs>(attrs);
    return {
      x: () => {
        const flip = (t: Tensor3D): Tensor3D => (isReverse ? reverse(t, 1) : t);
        const factors = flip(aroundAxis(x, axis));
        const size = factors.shape[1];
        const given = flip(aroundAxis(dy as Tensor, axis));
        // An exclusive product is the inclusive product up to the element before.
        const sums = exclusive ? shifted(given, 1) : given;
        const gradient: Tensor3D = mul(
          cumprod(factors, 1, true),
          suffixSums(sums, shifted(factors, 1), size),
        );
        return reshape(flip(gradient), x.shape);
      },
    };
  },
};

/** Axis 1 moved to the front by `count`, with zeros at the end. */
const shifted = (x: Tensor3D, count: number): Tensor3D => {
  const size = x.shape[1];
  if (count >= size) return zerosLike(x);
  return padAxis(sliceAxis(x, count, size - count), 0, count);
};

/** s with s_i = b_i + a_i s_{i+1} along axis 1: each step doubles the number of elements that every s_i includes. */
function suffixSums(b: Tensor3D, a: Tensor3D, size: number): Tensor3D {
  let [sums, factors] = [b, a];
  for (let reach = 1; reach < size; reach *= 2) {
    sums = add(sums, mul(factors, shifted(sums, reach)));
    factors = mul(factors, shifted(factors, reach));
  }
  return sums;
}

/** ∂/∂x_i is the product of all elements before i and all after it, which is also correct next to a zero. */
const prodGradient: GradConfig = {
  kernelName: Prod,
  inputsToSave: ['x'],
  gradFunc: (given, saved, attrs) => {
    const dy = given as Tensor;
    const [x] = saved as [Tensor];
    const axes = util.parseAxisParam(attributes<ProdAttrs>(attrs).axis, x.shape);
    return {
      x: () => {
        const kept = [...x.shape.keys()].filter((axis) => !axes.includes(axis));
        const order = [...kept, ...axes];
        const moved = transpose(x, order);
        const rows = dy.size;
        const factors = reshape(moved, [rows, x.size / rows]);
        const others = mul(cumprod(factors, 1, true), cumprod(factors, 1, true, true));
        const gradient = reshape(mul(reshape(dy, [rows, 1]), others), moved.shape);
        return transpose(
          gradient,
          order.map((_, axis) => order.indexOf(axis)),
        );
      },
    };
  },
};

/**
 * Gradients of sums and products along an axis: tfjs swaps axes, lacks the one of `cumprod`, or needs chained
 * operations.
 */
export const cumulativeGradients: readonly Gradient[] = [
  {
    gradient: cumsumGradient,
    example: {
      of: (x) =>
        mul(cumsum(reshape(x, [2, 2]), 0), [
          [1, 2],
          [3, 4],
        ]),
      at: [1, 2, 3, 4],
      expected: [4, 6, 3, 4],
    },
  },
  {
    gradient: cumprodGradient,
    example: { of: (x) => cumprod(x), at: [2, 3], expected: [4, 2] },
  },
  {
    gradient: prodGradient,
    example: { of: (x) => prod(reshape(x, [2, 1]), -1), at: [2, 3], expected: [1, 1] },
  },
];
