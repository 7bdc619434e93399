import {
  broadcastTo,
  clone,
  Einsum,
  type EinsumAttrs,
  einsum,
  type GradConfig,
  reshape,
  sum,
  type Tensor,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { isOneOf, parseEquation } from '../einsum-equation.ts';
import type { Gradient } from './gradient.ts';

/**
 * The gradient of `tf.einsum`, for every backend: with respect to an operand it is the einsum of dy and the other
 * operand that results in the letters of this operand. Letters that only this operand has, and that were summed, are
 * missing from it: broadcasting adds them.
 */
const gradient: GradConfig = {
  kernelName: Einsum,
  saveAllInputs: true,
  gradFunc: (dy, saved, attrs) => {
    const { equation } = attributes<EinsumAttrs>(attrs);
    const { operands, result } = parseEquation(equation);
    return Object.fromEntries(
      operands.map((letters, i) => {
        const gradient = (): Tensor =>
          gradientOf(dy as Tensor, saved[i]!, letters, result, saved[1 - i], operands[1 - i]);
        return [i, gradient];
      }),
    );
  },
};

function gradientOf(
  dy: Tensor,
  operand: Tensor,
  letters: readonly string[],
  result: readonly string[],
  other: Tensor | undefined,
  otherLetters: readonly string[] = [],
): Tensor {
  const isKept = isOneOf(result, otherLetters);
  const kept = letters.filter(isKept);
  let gradient: Tensor;
  if (other === undefined) {
    // Where nothing changes, tfjs' cpu kernel returns its own argument, which a tape takes for one tensor.
    const [from, to] = [result.join(''), kept.join('')];
    gradient = from === to ? clone(dy) : einsum(`${from}->${to}`, dy);
  } else {
    // Summed first: tfjs' cpu kernel is wrong where the operands do not share all summed letters.
    const isUsed = isOneOf(result, letters);
    const axes = [...otherLetters.keys()].filter((axis) => !isUsed(otherLetters[axis]!));
    const rest = axes.length === 0 ? other : sum(other, axes);
    const restLetters = otherLetters.filter(isUsed).join('');
    gradient = einsum(`${result.join('')},${restLetters}->${kept.join('')}`, dy, rest);
  }
  if (kept.length === letters.length) return gradient;
  const sides = operand.shape.map((side, axis) => (isKept(letters[axis]!) ? side : 1));
  return broadcastTo(reshape(gradient, sides), operand.shape);
}

export const einsumGradient: Gradient = {
  gradient,
  example: { of: (x) => einsum('i,i->', x, x), at: [1, 2], expected: [2, 4] },
};
