// For the gradients of tfjs itself, which stock has.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { type OnePassCase, onePassCaseTests } from '../../../test/one-pass.ts';
import { expectClose, kernelsRunBy, noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import { layerNorm } from './layer-norm.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(enableTraining);
afterEach(disableTraining);

const EPSILON = 1e-3;

function ofRows(x: tf.Tensor): { n: tf.Tensor; mean: tf.Tensor; scale: tf.Tensor } {
  const mean = tf.mean(x, -1, true);
  const centered = tf.sub(x, mean);
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), EPSILON));
  return { n: tf.mul(centered, scale), mean, scale };
}

const cases = (names: readonly ('gain' | 'center')[]): [string, OnePassCase][] => {
  const weights = (width: number) => Object.fromEntries(names.map((name) => [name, [width]]));
  return [
    [
      'LrmLayerNorm',
      {
        inputs: (rows, width) => ({ x: [rows, 1, width], ...weights(width) }),
        attrs: { epsilon: EPSILON },
        formula({ x, gain, center }) {
          const { n, mean, scale } = ofRows(x!);
          const scaled = gain === undefined ? n : tf.mul(n, gain);
          const y = center === undefined ? scaled : tf.add(scaled, center);
          return [y, tf.reshape(mean, [-1]), tf.reshape(scale, [-1])];
        },
      },
    ],
    [
      'LrmLayerNormGradient',
      {
        inputs: (rows, width) => ({
          ...{ dy: [rows, 1, width], x: [rows, 1, width], mean: [rows], scale: [rows] },
          ...(names.includes('gain') ? { gain: [width] } : {}),
        }),
        formula({ dy, x, mean, scale, gain }) {
          const [shift, by] = [mean!, scale!].map((each) => tf.reshape(each, [-1, 1, 1]));
          const n = tf.mul(tf.sub(x!, shift!), by!);
          const g = gain === undefined ? dy! : tf.mul(dy!, gain);
          const along = tf.mul(n, tf.mean(tf.mul(g, n), -1, true));
          const dx = tf.mul(tf.sub(tf.sub(g, tf.mean(g, -1, true)), along), by!);
          return [dx, tf.sum(tf.mul(dy!, n), [0, 1]), tf.sum(dy!, [0, 1])];
        },
      },
    ],
  ];
};

onePassCaseTests([
  ...cases([]),
  ...cases(['gain']),
  ...cases(['center']),
  ...cases(['gain', 'center']),
]);

const draw = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

/** The output for x, and the gradients of Σ output² · weight for x and the weights. */
function passes(
  run: (x: tf.Tensor) => tf.Tensor,
  shape: number[],
  weights: tf.Variable[],
): number[][] {
  return tf.tidy(() => {
    const x = tf.variable(draw(shape, 7));
    const { grads } = tf.variableGrads(() => {
      const y = run(x);
      return tf.sum(tf.mul(tf.square(y), draw(y.shape, 8))) as tf.Scalar;
    }, [x, ...weights]);
    const all = [run(x), ...[x, ...weights].map(({ name }) => grads[name]!)];
    x.dispose();
    return all.map(values);
  });
}

describe.each([
  ['with scale and center', { scale: true, center: true }],
  ['without scale', { scale: false, center: true }],
  ['without center', { scale: true, center: false }],
  ['without both', { scale: false, center: false }],
])('LayerNormalization, %s', (_, { scale, center }) => {
  test.each([[[4, 7]], [[3, 5, 6]], [[2, 3, 4, 5]]])(
    'learns what operations of tfjs do: [%s]',
    (shape) => {
      const layer = layers.layerNormalization({ epsilon: EPSILON, scale, center });
      layer.build(shape);
      layer.setWeights(layer.getWeights().map(({ shape: of }, i) => draw(of, i + 1)));
      const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
      const plain = (x: tf.Tensor): tf.Tensor => {
        const { n } = ofRows(x);
        const scaled = scale ? tf.mul(n, weights[0]!) : n;
        return center ? tf.add(scaled, weights.at(-1)!) : scaled;
      };
      const ours = passes((x) => layer.apply(x) as tf.Tensor, shape, weights);
      const expected = passes(plain, shape, weights);
      for (const [i, each] of ours.entries()) expectClose(each, expected[i]!, 1e-4, 0.1);
      tf.dispose(weights);
    },
  );
});

test('over another axis than the last, LayerNormalization is that of tfjs', () => {
  const layer = layers.layerNormalization({ axis: 1 });
  tf.tidy(() => {
    const x = draw([2, 3, 4], 1);
    const names = kernelsRunBy(() => void layer.apply(x));
    expect(names.filter((name) => name.startsWith('Lrm'))).toEqual([]);
  });
  tf.dispose(layer.weights.map((weight) => weight.read()));
});

test('the gradient of a gradient equals that of operations of tfjs', () => {
  const penalty = (run: (x: tf.Tensor, gain: tf.Tensor) => tf.Tensor) =>
    tf.grads((x: tf.Tensor, gain: tf.Tensor) =>
      tf.sum(tf.square(tf.grad((t) => tf.sum(tf.pow(run(t, gain), 3)))(x))),
    );
  tf.tidy(() => {
    const inputs = [draw([3, 5], 1), draw([5], 2)] as const;
    const ours = penalty((x, gain) => layerNorm(x, gain, null, EPSILON)!)([...inputs]);
    const plain = penalty((x, gain) => tf.mul(ofRows(x).n, gain))([...inputs]);
    for (const [i, each] of ours.entries()) expectClose(values(each), values(plain[i]!), 1e-3);
  });
});

test('the gradient of a softmax is one pass, and that of its gradient still right', () => {
  const x = tf.tensor2d([[0.3, -1, 2]]);
  const loss = (t: tf.Tensor): tf.Tensor => tf.sum(tf.mul(tf.softmax(t), [1, 2, 4]));
  const first = (): number[] => tf.tidy(() => values(tf.grad(loss)(x)));
  const second = (): number[] =>
    tf.tidy(() => values(tf.grad((t) => tf.sum(tf.square(tf.grad(loss)(t))))(x)));
  expect(kernelsRunBy(first)).toContain('LrmSoftmaxGradient');
  const ours = [first(), second()];
  // By differences of float64.
  const p = (at: number[]): number[] => {
    const e = at.map(Math.exp);
    const total = e.reduce((a, b) => a + b);
    return e.map((each) => each / total);
  };
  const gradient = (at: number[]): number[] => {
    const [q, w] = [p(at), [1, 2, 4]];
    const along = q.reduce((sum, each, i) => sum + each * w[i]!, 0);
    return q.map((each, i) => each * (w[i]! - along));
  };
  const at = [...x.dataSync()];
  const squares = (list: number[]): number => gradient(list).reduce((sum, g) => sum + g * g, 0);
  const difference = at.map((_, i) => {
    const [above, below] = [1e-5, -1e-5].map((step) => squares(at.with(i, at[i]! + step)));
    return (above! - below!) / 2e-5;
  });
  expectClose(ours[0]!, gradient(at), 1e-5);
  expectClose(ours[1]!, difference, 1e-4);
  x.dispose();
});
