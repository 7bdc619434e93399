import {
  All,
  Any,
  Cast,
  type CastAttrs,
  cast,
  Equal,
  FloorDiv,
  floorDiv,
  type GradConfig,
  Greater,
  GreaterEqual,
  Less,
  LessEqual,
  LogicalAnd,
  LogicalNot,
  LogicalOr,
  Multinomial,
  NotEqual,
  SearchSorted,
  type Tensor,
  zeros,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { ofDtype } from './complex.ts';
import type { Gradient } from './gradient.ts';
import { inputsOf } from './tape.ts';

/** Operations whose results change only in jumps, with their inputs: their derivative is zero. */
const CONSTANT: Readonly<Record<string, readonly string[]>> = {
  [All]: ['x'],
  [Any]: ['x'],
  [Equal]: ['a', 'b'],
  [FloorDiv]: ['a', 'b'],
  [Greater]: ['a', 'b'],
  [GreaterEqual]: ['a', 'b'],
  [Less]: ['a', 'b'],
  [LessEqual]: ['a', 'b'],
  [LogicalAnd]: ['a', 'b'],
  [LogicalNot]: ['x'],
  [LogicalOr]: ['a', 'b'],
  [Multinomial]: ['logits'],
  [NotEqual]: ['a', 'b'],
  [SearchSorted]: ['sortedSequence', 'values'],
};

const constant = (kernelName: string, inputs: readonly string[]): GradConfig => ({
  kernelName,
  gradFunc: (_, saved) =>
    Object.fromEntries(inputs.map((name) => [name, () => zeros(inputsOf(saved)[name]!.shape)])),
});

/**
 * A cast to integers or bools rounds, and so has no gradient; tfjs passes it on. One between real and complex numbers
 * has that of the real part.
 */
const castGradient: GradConfig = {
  kernelName: Cast,
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor;
    const { dtype } = attributes<CastAttrs>(attrs);
    if (dtype === 'int32' || dtype === 'bool') return { x: () => zeros(dy.shape) };
    return { x: () => ofDtype(dy, inputsOf(saved)['x']!.dtype) };
  },
};

/**
 * The zero gradients of comparisons, of logical operations and of other operations that are constant between jumps.
 * tfjs has only that of `greaterEqual`, so a mask that depends on trained variables stops it; and its gradient of
 * `floorDiv` is that of `div`.
 */
export const maskGradients: readonly Gradient[] = [
  ...Object.entries(CONSTANT).map(([kernelName, inputs]) => ({
    gradient: constant(kernelName, inputs),
    example: { of: (x: Tensor) => floorDiv(x, 2), at: [3, 5], expected: [0, 0] },
  })),
  {
    gradient: castGradient,
    example: { of: (x) => cast(cast(x, 'int32'), 'float32'), at: [1.5, 2], expected: [0, 0] },
  },
];
