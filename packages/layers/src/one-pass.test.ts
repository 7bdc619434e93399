/** What wasm computes in one pass after `enableTraining()` equals what operations of tfjs compute. */
import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import {
  expectClose,
  kernelsRunBy,
  noise,
  random,
  tensorsLeftBy,
  values,
} from '../../../test/tensors.ts';
import { gated } from './gated-product.ts';
import { rmsNormalize } from './rms-norm.ts';
import { rotate } from './rotary.ts';

beforeAll(() => useBackend('wasm'));
afterEach(disableTraining);

interface Case {
  readonly shapes: readonly (readonly number[])[];
  readonly of: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly kernels: readonly string[];
}

const norm = ['LrmRmsNorm', 'LrmRmsNormGradient'];
const rotation = (pairs: 'halves' | 'neighbours', back: boolean): Case => ({
  shapes: [[3, 5, 6]],
  of: (x) => rotate(x!, { pairs, base: 100, scale: 0.5 }, 2, back),
  kernels: [],
});
const CASES: Readonly<Record<string, Case>> = {
  'norm with gain': {
    shapes: [[2, 3, 7], [7]],
    of: (x, gain) => rmsNormalize(x!, gain!, 1e-3),
    kernels: norm,
  },
  'norm without gain': { shapes: [[5, 9]], of: (x) => rmsNormalize(x!, null, 1e-3), kernels: norm },
  'norm of a vector': {
    shapes: [[9], [9]],
    of: (x, gain) => rmsNormalize(x!, gain!, 1e-3),
    kernels: norm,
  },
  'norm of groups': {
    shapes: [[2, 3, 10], [10]],
    of: (x, gain) => rmsNormalize(x!, gain!, 1e-3, 2),
    kernels: norm,
  },
  silu: {
    shapes: [
      [3, 11],
      [3, 11],
    ],
    of: (gate, up) => gated(gate!, up!, 'silu'),
    kernels: ['LrmGatedSilu', 'LrmGatedSiluGradient'],
  },
  'rotation of halves': rotation('halves', false),
  'rotation of halves back': rotation('halves', true),
  'rotation of neighbours': rotation('neighbours', false),
  'rotation of neighbours back': rotation('neighbours', true),
};

const inputsOf = ({ shapes }: Case): tf.Tensor[] =>
  shapes.map((shape, i) =>
    tf.tensor(noise(random(i + 1), tf.util.sizeFromShape([...shape])), [...shape]),
  );

/** The value, and the gradients of Σ value · direction. */
function computed({ of }: Case, inputs: tf.Tensor[]): number[][] {
  return tf.tidy(() => {
    const value = of(...inputs);
    const direction = tf.tensor(noise(random(9), value.size), value.shape);
    const gradients = tf.grads((...xs) => tf.sum(tf.mul(of(...xs), direction)))(inputs);
    return [value, ...gradients].map(values);
  });
}

describe.each(Object.entries(CASES))('%s', (_, at) => {
  it('has the value and the gradients that operations of tfjs have', async () => {
    const inputs = inputsOf(at);
    const expected = computed(at, inputs);
    enableTraining();
    const left = await tensorsLeftBy(() => {
      const kernels = kernelsRunBy(() => {
        computed(at, inputs).forEach((actual, i) => {
          expectClose(actual, expected[i]!, 1e-5);
        });
      });
      expect(kernels).toEqual(expect.arrayContaining([...at.kernels]));
    });
    expect(left).toBe(0);
    tf.dispose(inputs);
  });

  it('has a gradient of its gradient that is a difference quotient', () => {
    enableTraining();
    tf.tidy(() => {
      const [x, ...rest] = inputsOf(at) as [tf.Tensor, ...tf.Tensor[]];
      const direction = tf.tensor(noise(random(7), x.size), x.shape);
      const penalty = (input: tf.Tensor): tf.Tensor =>
        tf.sum(tf.square(tf.grad((y: tf.Tensor) => tf.sum(tf.square(at.of(y, ...rest))))(input)));
      const slope = values(tf.sum(tf.mul(tf.grad(penalty)(x), direction)))[0]!;
      const at1 = (step: number): number => values(penalty(tf.add(x, tf.mul(direction, step))))[0]!;
      const quotient = (at1(1e-2) - at1(-1e-2)) / 2e-2;
      expect(Math.abs(slope - quotient)).toBeLessThan(2e-2 * Math.max(1, Math.abs(quotient)));
    });
  });
});
