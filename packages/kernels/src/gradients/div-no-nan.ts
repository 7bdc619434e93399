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

/** tfjs names the scope of each operation after it. */
const SCOPE = 'divNoNan__op';

/** The gradient of a division that `tf.divNoNan` runs: by 1 where the divisor is 0, since dy is 0 there, and not by 0. */
const safe =
  (divide: GradConfig['gradFunc']): GradConfig['gradFunc'] =>
  (dy, saved, attrs) => {
    const [a, b] = saved as [Tensor, Tensor];
    return divide(dy, [a, add(b, cast(equal(b, 0), b.dtype))], attrs);
  };

/** tfjs reads the function as it notes the division on its tape: within the scopes of the operations that run it. */
const divisionGradient = (stock: GradConfig): GradConfig => ({
  ...stock,
  get gradFunc() {
    const isWithin = engine().state.scopeStack.at(-2)?.name === SCOPE;
    return isWithin ? safe(stock.gradFunc) : stock.gradFunc;
  },
});

/**
 * The gradient of `tf.divNoNan`, a choice between zeros and a division, which is 0 where the divisor is 0: tfjs computes
 * 0/0 there. Every other division keeps the gradient that it has.
 */
export const divNoNanGradient: Gradient = {
  kernelName: RealDiv,
  create: divisionGradient,
  example: { of: (x) => divNoNan(x, [0, 2]), at: [1, 2], expected: [0, 0.5] },
};
