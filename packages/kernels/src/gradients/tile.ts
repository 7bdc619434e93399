import {
  type GradConfig,
  reshape,
  sum,
  type Tensor,
  Tile,
  type TileAttrs,
  tile,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';
import { inputsOf } from './tape.ts';

/**
 * The gradient of `tf.tile` as one sum over the repetitions, for every rank. In tfjs it is one slice and one addition
 * per repetition, up to rank 4; layer normalization tiles its mean, variance, scale and center.
 */
const gradient: GradConfig = {
  kernelName: Tile,
  gradFunc: (dy, saved, attrs) => {
    const { shape } = inputsOf(saved)['x']!;
    const { reps } = attributes<TileAttrs>(attrs);
    return { x: () => sumOfRepetitions(dy as Tensor, shape, reps) };
  },
};

function sumOfRepetitions(dy: Tensor, shape: number[], reps: readonly number[]): Tensor {
  // Each axis is [repetition, element], and adjacent axes of the same kind are merged, so that the rank stays small.
  const axes: { size: number; isSummed: boolean }[] = [];
  const push = (size: number, isSummed: boolean): void => {
    const last = axes.at(-1);
    if (size === 1) return;
    if (last?.isSummed === isSummed) last.size *= size;
    else axes.push({ size, isSummed });
  };
  for (const [axis, size] of shape.entries()) {
    push(reps[axis]!, true);
    push(size, false);
  }
  const summed = [...axes.keys()].filter((axis) => axes[axis]!.isSummed);
  const split = reshape(
    dy,
    axes.map(({ size }) => size),
  );
  return reshape(sum(split, summed), shape);
}

export const tileGradient: Gradient = {
  gradient,
  example: {
    // tfjs' own gradient does not support ranks above 4, and loops over the repetitions below.
    of: (x) => tile(reshape(x, [1, 1, 1, 1, 2]), [1, 1, 1, 2, 3]),
    at: [1, 2],
    expected: [6, 6],
  },
};
