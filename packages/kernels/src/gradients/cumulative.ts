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
  pad,
  prod,
  reshape,
  reverse,
  slice,
  type Tensor,
  type Tensor2D,
  type Tensor3D,
  transpose,
  util,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { aroundAxis } from './axes.ts';
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
        const [outer, size, inner] = factors.shape;
        // [outer, size, inner] → [size, outer · inner]: shifts along the first axis move one block of memory.
        const toFront = (t: Tensor3D): Tensor2D =>
          reshape(outer === 1 ? t : transpose(t, [1, 0, 2]), [size, outer * inner]);
        const given = toFront(flip(aroundAxis(dy as Tensor, axis)));
        // An exclusive product is the inclusive product up to the element before.
        const start = exclusive ? shifted(given, 1) : given;
        const sums = suffixSums(start, shifted(toFront(factors), 1));
        const back: Tensor3D =
          outer === 1
            ? reshape(sums, factors.shape)
            : transpose(reshape(sums, [size, outer, inner]), [1, 0, 2]);
        return reshape(flip(mul(cumprod(factors, 1, true), back)), x.shape);
      },
    };
  },
};

/** Rows moved to the front by `count`, with zeros at the end. */
function shifted(x: Tensor2D, count: number): Tensor2D {
  const [rows, columns] = x.shape;
  if (count >= rows) return zerosLike(x);
  return pad(slice(x, [count, 0], [rows - count, columns]), [
    [0, count],
    [0, 0],
  ]);
}

/** s with s_i = b_i + a_i s_{i+1}, row by row: each step doubles the number of rows that every s_i includes. */
function suffixSums(b: Tensor2D, a: Tensor2D): Tensor2D {
  let [sums, factors] = [b, a];
  for (let reach = 1; reach < b.shape[0]; reach *= 2) {
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
