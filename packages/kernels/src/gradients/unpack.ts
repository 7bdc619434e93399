import {
  type GradConfig,
  reshape,
  stack,
  type Tensor,
  Unpack,
  type UnpackAttrs,
  unstack,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';

/** A single output has a single gradient, not a list of them. */
const gradient: GradConfig = {
  kernelName: Unpack,
  gradFunc: (dy, _, attrs) => {
    const { axis } = attributes<UnpackAttrs>(attrs);
    return { value: () => stack(Array.isArray(dy) ? (dy as Tensor[]) : [dy as Tensor], axis) };
  },
};

/** The gradient of `tf.unstack`, which fails in tfjs where the result is a single tensor. */
export const unpackGradient: Gradient = {
  gradient,
  example: { of: (x) => unstack(reshape(x, [1, 2]))[0]!, at: [1, 2], expected: [1, 1] },
};
