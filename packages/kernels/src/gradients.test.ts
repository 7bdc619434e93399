// For chained operations, which some gradients of tfjs itself use.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Backend, eachBackend, onCpu } from '../../../test/backends.ts';
import { gradientError, higherOrderError } from '../../../test/differences.ts';
import { inputsOf, OPERATIONS, type Operation } from '../../../test/operations.ts';
import { kernelsRunBy, tensorsLeftBy } from '../../../test/tensors.ts';
import type { Example } from './gradients/gradient.ts';
import { gradients } from './gradients.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

/** float32 keeps three to four digits of a difference of the fourth order. */
const TOLERANCE = 3e-3;

/** What is refused, with the reason that tfjs or we give. Everything else has a gradient of every order. */
const REFUSED: readonly (readonly [RegExp, readonly Backend[], RegExp])[] = [
  [/^image.(rotateWithOffset|transform)/, ['tensorflow'], /not registered for backend/],
  [/^maxPoolWithArgmax/, ['tensorflow'], /not registered for backend/],
  [/complex|spectral|stft/, ['wasm'], /Kernel 'Complex' not registered/],
  [/NCHW/, ['wasm'], /does not support dataFormat/],
  [/segmentSum, ids outside/i, ['tensorflow'], /is out of range/],
  [/^gather, axis -1/, ['tensorflow'], /is not in \[0, NaN\]/],
];

const isListed = (list: typeof REFUSED, name: string, backend: Backend): boolean =>
  list.some(([pattern, on]) => pattern.test(name) && on.includes(backend));

/** The growth of these is stated: with the logarithm of the axis, since a division would be wrong beside a zero. */
const isLogarithmic = (name: string): boolean => name.startsWith('cumprod');

/** One of each kind of gradient, for derivatives that are too many to check for all. */
const THIRD: readonly string[] = [
  ...['exp', 'log', 'sigmoid', 'tanh', 'softmax', 'logSoftmax', 'where', 'sum, axis 1'],
  ...['matMul', 'matMul, both transposed', 'conv2d, same', 'depthwiseConv2d, same', 'conv3d, same'],
  ...['tile', 'gather', 'cumprod, axis 1', 'losses.softmaxCrossEntropy'],
];

const backward = (operation: Operation): void =>
  tf.tidy(() => {
    tf.grads((...inputs: tf.Tensor[]) => tf.sum(operation.of(...inputs)))(inputsOf(operation));
  });

eachBackend((backend) => {
  const names = Object.keys(OPERATIONS);
  const trained = names.filter((name) => !isListed(REFUSED, name, backend));

  test.each(trained)('the gradient of %s equals differences, and that of its gradient', (name) => {
    const operation = OPERATIONS[name]!(1);
    expect(gradientError(operation)).toBeLessThan(TOLERANCE);
    expect(higherOrderError(operation, 2)).toBeLessThan(TOLERANCE);
  });

  test.each(THIRD)('the third derivatives of %s equal differences of the second', (name) => {
    expect(higherOrderError(OPERATIONS[name]!(1), 3)).toBeLessThan(TOLERANCE);
  });

  test('no backward pass runs more kernels for a larger size', () => {
    const growing: string[] = [];
    for (const name of trained) {
      if (isLogarithmic(name)) continue;
      const [small, large] = [1, 3].map(
        (k) => kernelsRunBy(() => backward(OPERATIONS[name]!(k))).length,
      );
      if (large! > small!) growing.push(`${name}: ${small} kernels, then ${large}`);
    }
    expect(growing).toEqual([]);
  });

  test('no backward pass leaves a tensor', async () => {
    const leaking: string[] = [];
    for (const name of trained)
      if ((await tensorsLeftBy(() => backward(OPERATIONS[name]!(1)))) !== 0) leaking.push(name);
    expect(leaking).toEqual([]);
  });

  test.each(names.filter((name) => isListed(REFUSED, name, backend)))(
    '%s is refused with a reason',
    (name) => {
      const reason = REFUSED.find(
        ([pattern, on]) => pattern.test(name) && on.includes(backend),
      )![2];
      expect(() => tf.tidy(() => backward(OPERATIONS[name]!(1)))).toThrow(reason);
    },
  );
});

onCpu(() => {
  describe('every example by which the installed tfjs is tried', () => {
    const shown = gradients.filter((gradient) => !('backends' in gradient));
    const examples = shown.flatMap((gradient): [string, Example][] => {
      const name = 'create' in gradient ? gradient.kernelName : gradient.gradient.kernelName;
      return gradient.example === undefined ? [] : [[name, gradient.example]];
    });
    const compute = (example: Example): number[] =>
      tf.tidy(() => {
        const gradient = tf.grad((x) => tf.sum(example.of(x as tf.Tensor1D)));
        return Array.from(gradient(tf.tensor1d([...example.at])).dataSync());
      });

    test.each(examples)(
      '%s: ours gives what it expects, stock tfjs something else',
      (_, example) => {
        const close = example.expected.map((value) => expect.closeTo(value, 3));
        expect(compute(example)).toEqual(close);
        disableTraining();
        let stock: unknown;
        try {
          stock = compute(example);
        } catch (error) {
          stock = error;
        }
        expect(stock).not.toEqual(close);
      },
    );
  });
});
