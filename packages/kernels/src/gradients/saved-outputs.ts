import {
  cast,
  Exp,
  engine,
  exp,
  expandDims,
  type GradConfig,
  getBackend,
  getKernel,
  grad,
  logSoftmax,
  losses,
  mul,
  neg,
  Pow,
  Sigmoid,
  Softmax,
  square,
  sub,
  sum,
  Tanh,
  type Tensor,
} from '@tensorflow/tfjs-core';
import type { Example, Gradient } from './gradient.ts';

/**
 * Lets an outer gradient see that `saved` outputs depend on the inputs. tfjs records the copy of a saved output on its
 * tape before the operation that computes it, so a search in tape order takes the copy for a constant: the gradient of
 * a gradient of `exp`, `tanh` or `softmax` lacks a term. This moves such copies behind their operation.
 */
export function connectSaved(saved: readonly Tensor[]): void {
  const { state } = engine();
  if (state.gradientDepth === 0) return;
  const tape = state.activeTape;
  for (const tensor of saved) {
    const from = tape.findLastIndex(({ outputs }) => outputs[0] === tensor);
    const copy = tape[from];
    if (copy === undefined) continue;
    const [original] = Object.values(copy.inputs);
    const to = tape.findIndex(({ outputs }, i) => i > from && outputs.includes(original!));
    if (to === -1) continue;
    tape.splice(from, 1);
    tape.splice(to, 0, copy); // the operation is now at to − 1
  }
}

/** The gradient from tfjs, with its saved outputs connected. */
const connected = (stock: GradConfig): GradConfig => ({
  ...stock,
  gradFunc: (dy, saved, attrs) => {
    connectSaved(saved);
    return stock.gradFunc(dy, saved, attrs);
  },
});

/** The gradient of a softmax in one pass, where the backend has it and no outer gradient is being recorded. */
const softmaxInOnePass = (stock: GradConfig): GradConfig => ({
  ...stock,
  gradFunc: (gradient, saved, attrs) => {
    connectSaved(saved);
    const dy = gradient as Tensor;
    const ofTfjs = (): Tensor => stock.gradFunc(dy, saved, attrs)['logits']!();
    if (engine().state.gradientDepth > 0 || getKernel(PASS, getBackend()) === undefined)
      return { logits: ofTfjs };
    const run = (): Tensor[] => engine().runKernel(PASS, { dy, y: saved[0]! });
    return { logits: () => run()[0] ?? ofTfjs() };
  },
});
const PASS = 'LrmSoftmaxGradient';

const NAMES = [Exp, Pow, Sigmoid, Tanh];

const scope = (operation: string): string => `${operation}__op`;

/**
 * `tf.logSoftmax` and `tf.losses.softmaxCrossEntropy` have custom gradients, created where they are called. tfjs first
 * looks for a registered one, under the name of the operation's scope.
 */
const logSoftmaxGradient: GradConfig = {
  kernelName: scope('logSoftmax'),
  gradFunc: (gradient, saved) => {
    connectSaved(saved);
    const dy = gradient as Tensor;
    const [y] = saved as [Tensor];
    return { 0: () => sub(dy, mul(sum(dy, -1, true), exp(y))) };
  },
};

const crossEntropyGradient: GradConfig = {
  kernelName: scope('softmaxCrossEntropy'),
  gradFunc: (gradient, saved) => {
    const [labels, logProbabilities] = connectedCrossEntropy(saved);
    const dy = expandDims(gradient as Tensor, -1);
    return {
      0: () => neg(mul(dy, logProbabilities)),
      1: () =>
        mul(dy, sub(mul(exp(logProbabilities), sum(labels, -1, true)), cast(labels, 'float32'))),
    };
  },
};

/** Labels and log softmax; recomputed from the inputs where an outer gradient is being recorded. */
function connectedCrossEntropy(saved: readonly Tensor[]): [labels: Tensor, log: Tensor] {
  const { state } = engine();
  const node =
    state.gradientDepth === 0 ? undefined : state.activeTape.find((node) => node.saved === saved);
  if (node === undefined) return [saved[0]!, saved[1]!];
  const [labels, logits] = Object.values(node.inputs);
  return [labels!, logSoftmax(logits!)];
}

/** Gradients in tfjs that are correct themselves, but whose own gradients lack a term. */
export const savedOutputGradients: readonly Gradient[] = [
  ...NAMES.map((kernelName) => ({
    kernelName,
    create: connected,
    example: secondOrder(exp, [2, 2]),
  })),
  { kernelName: Softmax, create: softmaxInOnePass },
  {
    gradient: logSoftmaxGradient,
    example: secondOrder((t) => mul(logSoftmax(t), [1, 0]), [-0.5, 0.5]),
  },
  {
    gradient: crossEntropyGradient,
    example: secondOrder((t) => losses.softmaxCrossEntropy([1, 0], t), [-0.5, 0.5]),
  },
];

/** The gradient of the squares of a gradient, at [0, 0]. */
function secondOrder(f: (t: Tensor) => Tensor, expected: readonly number[]): Example {
  return { of: (x) => square(grad(f)(x)), at: [0, 0], expected };
}
