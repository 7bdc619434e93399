import {
  add,
  cast,
  divNoNan,
  engine,
  equal,
  type GradConfig,
  RealDiv,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { Gradient } from './gradient.ts';

/** tfjs names the scope of each operation after the operation. */
const SCOPE = 'divNoNan__op';

/**
 * The gradient of a division that `tf.divNoNan` runs: it divides by 1 instead of 0 where the divisor is 0, as dy is 0
 * there.
 */
const safe =
  (divide: GradConfig['gradFunc']): GradConfig['gradFunc'] =>
  (dy, saved, attrs) => {
    const [a, b] = saved as [Tensor, Tensor];
    return divide(dy, [a, add(b, cast(equal(b, 0), b.dtype))], attrs);
  };

/**
 * tfjs reads the function when it records the division on its tape, inside the scopes of the operations that run it.
 */
const divisionGradient = (stock: GradConfig): GradConfig => ({
  ...stock,
  get gradFunc() {
    const isWithin = engine().state.scopeStack.at(-2)?.name === SCOPE;
    return isWithin ? safe(stock.gradFunc) : stock.gradFunc;
  },
});

/**
 * The gradient of `tf.divNoNan`, which selects between zeros and a division. It is 0 where the divisor is 0: tfjs
 * computes 0/0 there. Every other division keeps its gradient.
 */
export const divNoNanGradient: Gradient = {
  kernelName: RealDiv,
  create: divisionGradient,
  example: { of: (x) => divNoNan(x, [0, 2]), at: [1, 2], expected: [0, 0.5] },
};
