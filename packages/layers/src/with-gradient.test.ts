/** Gradients that are written out, and gradients of them, equal differences. */
import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { gradientError } from '../../../test/differences.ts';
import { noise, random } from '../../../test/numbers.ts';
import type { Operation } from '../../../test/operations.ts';
import { expectClose, kernelsRunBy, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { attention, type Heads, paddingMask } from './attention.ts';
import { causalConvolution } from './causal-convolution.ts';
import { type CrossEntropyOptions, crossEntropy } from './cross-entropy.ts';
import { type GateActivation, gated } from './gated-product.ts';
import { rmsNormalize } from './rms-norm.ts';
import { type Rotation, rotate } from './rotary.ts';
import { stateSpace } from './state-space.ts';
import { withGradient } from './with-gradient.ts';

type T = tf.Tensor;

const gatedBy = (activation: GateActivation): Operation => ({
  shapes: [
    [2, 5],
    [2, 5],
  ],
  of: (gate: T, up: T) => gated(gate, up, activation),
});
const entropy = (options?: CrossEntropyOptions): Operation => ({
  shapes: [[3, 5]],
  of: (logits: T) => crossEntropy(tf.tensor1d([4, 0, 2], 'int32'), logits, options),
});
const heads: Heads = { heads: 2, keyHeads: 1, rotation: null, scale: 0.7 };
const rotation: Rotation = { pairs: 'halves', base: 100, scale: 0.8 };
const attended = (
  settings: Heads,
  window: number | null = null,
  isPadded: boolean = false,
): Operation => ({
  shapes: [
    [1, 3, 8],
    [1, 3, 4],
    [1, 3, 4],
  ],
  of: (q: T, k: T, v: T) => {
    const padding = isPadded ? paddingMask(tf.tensor2d([[1, 0, 1]])) : null;
    return attention(q, k, v, { window, padding }, settings);
  },
});
const recurrent = (chunk: number): Operation => ({
  shapes: [[1, 5, 4], [1, 5, 2], [1, 5, 2], [1, 5, 3], [1, 5, 3], [2]],
  // Logarithms of decays are at most 0.
  of: (x: T, dt: T, root: T, b: T, c: T, d: T) =>
    stateSpace({ x, dt, a: tf.neg(tf.square(root)), b, c, d }, 1, chunk),
});

const OPERATIONS: Readonly<Record<string, Operation>> = {
  'RMS norm': { shapes: [[2, 6]], of: (x: T) => rmsNormalize(x, null, 1e-3) },
  'RMS norm with gain': {
    shapes: [[2, 6], [6]],
    of: (x: T, gain: T) => rmsNormalize(x, gain, 1e-3),
  },
  'RMS norm of groups': {
    shapes: [[2, 6], [6]],
    of: (x: T, gain: T) => rmsNormalize(x, gain, 1e-3, 2),
  },
  'gated silu': gatedBy('silu'),
  'gated gelu': gatedBy('gelu'),
  'gated gelu by tanh': gatedBy('geluTanh'),
  attention: attended(heads),
  'attention, rotated': attended({ ...heads, rotation }),
  'attention in a window': attended({ ...heads, rotation }, 2),
  'attention with padding': attended(heads, null, true),
  rotation: { shapes: [[2, 3, 4]], of: (x: T) => rotate(x, rotation) },
  'cross-entropy': entropy(),
  'cross-entropy with all options': entropy({ zLoss: 0.1, labelSmoothing: 0.2, ignore: 0 }),
  'causal convolution': {
    shapes: [[2, 6, 3], [3, 3], [3]],
    of: (padded: T, kernel: T, bias: T) => causalConvolution(padded, kernel, bias),
  },
  'state space, one chunk': recurrent(8),
  'state space, several chunks': recurrent(2),
};

/** float32 keeps three to four digits of a difference of the fourth order. */
const TOLERANCE = 3e-3;

/** Σ weights · operation², and its gradients beside it, as a loss with a gradient penalty uses both. */
const valueAndGradients = ({ of, ...inputs }: Operation): Operation => ({
  ...inputs,
  of(...given: T[]) {
    const loss = (...at: T[]): tf.Scalar => {
      const y = of(...at);
      return tf.sum(tf.mul(tf.square(y), tf.tensor(noise(random(5), y.size), y.shape)));
    };
    const { value, grads } = tf.valueAndGrads(loss)(given);
    return tf.concat([value, ...grads].map((part) => tf.reshape(part, [-1])));
  },
});

eachBackend((backend) => {
  // The wasm backend of tfjs lacks kernels that gradients need.
  describe.each(backend === 'wasm' ? [true] : [false, true])('training enabled: %s', (enabled) => {
    if (enabled) {
      beforeEach(() => enableTraining());
      afterEach(disableTraining);
    }

    it.each(Object.entries(OPERATIONS))('%s', async (_, operation) => {
      const left = await tensorsLeftBy(() => {
        expect(gradientError(operation)).toBeLessThan(TOLERANCE);
        expect(gradientError(valueAndGradients(operation))).toBeLessThan(TOLERANCE);
      });
      expect(left).toBe(0);
    });
  });
});

onCpu(() => {
  type Layer = (x: T) => T;
  const norm: Layer = (x) => rmsNormalize(x, null, 1e-3);
  const tidied: Layer = (x) => tf.tidy(() => norm(tf.add(x, 1)));
  const loss = (y: T): tf.Scalar => tf.sum(tf.square(tf.square(y)));
  const within = (layer: Layer) => (x: T) => tf.grad((at: T) => loss(layer(at)))(x);
  /** The layer runs before its gradient is asked for. */
  const before = (layer: Layer) => (x: T) => {
    const y = layer(x);
    return tf.grad(() => loss(y))(x);
  };
  const penalized = (gradient: Layer): number[] =>
    tf.tidy(() =>
      values(tf.grad((x) => tf.sum(tf.square(gradient(x))))(tf.tensor2d([[0.5, -1, 2, 0.3]]))),
    );

  it('of a layer that ran before the inner gradient began, while its inputs are there', () => {
    expectClose(penalized(before(norm)), penalized(within(norm)), 1e-6);
  });

  it('throws where they are not', () => {
    expect(penalized(within(tidied))).toHaveLength(4);
    expect(() => penalized(before(tidied))).toThrow('whose inputs are disposed of');
  });

  it('a gradient of first order saves no more than it is given', () => {
    const x = tf.ones([2, 2]);
    const double = (at: T): T =>
      withGradient(
        [at],
        (input, factor) => ({ value: tf.mul(input, factor as T), saved: [] }),
        (dy) => [tf.mul(dy, 2)],
        [tf.scalar(2)],
      );
    const gradient = (at: T): T => tf.tidy(() => tf.grad(double)(at));
    expect(kernelsRunBy(() => gradient(x).dispose())).not.toContain('Identity');
    x.dispose();
  });
});
