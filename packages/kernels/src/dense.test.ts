// For the gradients of tfjs itself, which stock has.
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import {
  expectClose,
  kernelsRunBy,
  noise,
  random,
  tensorsLeftBy,
  values,
} from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

const draw = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

const denseOf = (units: number, width: number, options: object = {}): layers.Layer => {
  const layer = layers.dense({ units, inputShape: [width], ...options } as never);
  layer.build([null, width]);
  layer.setWeights(layer.getWeights().map(({ shape }, i) => draw(shape, i + 1)));
  return layer;
};

const forget = (layer: layers.Layer): void =>
  tf.dispose(layer.weights.map((weight) => weight.read()));

/** The output, and the gradients of Σ output² · weight for the input and the weights. */
function passes(layer: layers.Layer, shape: number[]): number[][] {
  return tf.tidy(() => {
    const variables = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const x = tf.variable(draw(shape, 7));
    const { value, grads } = tf.variableGrads(() => {
      const y = layer.apply(x) as tf.Tensor;
      return tf.sum(tf.mul(tf.square(y), draw(y.shape, 8))) as tf.Scalar;
    }, [x, ...variables]);
    const output = layer.apply(x) as tf.Tensor;
    const all = [output, value, ...[x, ...variables].map(({ name }) => grads[name]!)];
    x.dispose();
    return all.map(values);
  });
}

describe.each([
  ['without a bias', { useBias: false }],
  ['with a bias', {}],
  ['relu', { activation: 'relu' }],
  ['tanh, without a bias', { activation: 'tanh', useBias: false }],
  ['softmax', { activation: 'softmax' }],
])('a Dense layer, %s', (_, options) => {
  test.each([[[5, 3]], [[2, 5, 3]], [[1, 1, 3]], [[2, 3, 2, 3]], [[33, 40, 3]]])(
    'computes and learns what stock tfjs does, for an input [%s]',
    (shape) => {
      const layer = denseOf(7, 3, options);
      const ours = passes(layer, shape);
      disableTraining();
      const stock = passes(layer, shape);
      expect(ours.map(({ length }) => length)).toEqual(stock.map(({ length }) => length));
      for (const [i, each] of ours.entries()) expectClose(each, stock[i]!, 2e-5, 0.1);
      forget(layer);
    },
  );

  test('nothing is left behind', async () => {
    const layer = denseOf(7, 3, options);
    passes(layer, [2, 4, 3]);
    expect(await tensorsLeftBy(() => passes(layer, [2, 4, 3]))).toBe(0);
    forget(layer);
  });
});

test('an empty batch gives an empty output, and gradients of zero', () => {
  const layer = denseOf(2, 3);
  tf.tidy(() => {
    const x = tf.zeros([0, 4, 3]);
    expect((layer.apply(x) as tf.Tensor).shape).toEqual([0, 4, 2]);
    const weights = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const { grads } = tf.variableGrads(() => tf.sum(layer.apply(x) as tf.Tensor), weights);
    for (const { name, size } of weights)
      expect(values(grads[name]!)).toEqual(Array.from({ length: size }, () => 0));
  });
  forget(layer);
});

test('the gradient of a gradient equals that of the product', () => {
  const layer = denseOf(4, 3, { useBias: false });
  const kernel = layer.trainableWeights[0]!.read() as tf.Variable;
  const penalty = (run: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) =>
    tf.sum(tf.square(tf.grad((t) => tf.sum(tf.pow(run(t), 3)))(x)));
  tf.tidy(() => {
    const x = draw([2, 5, 3], 3);
    const [ours, plain] = [
      (t: tf.Tensor) => layer.apply(t) as tf.Tensor,
      (t: tf.Tensor) =>
        tf.reshape(tf.matMul(tf.reshape(t, [10, 3]) as tf.Tensor2D, kernel as never), [2, 5, 4]),
    ].map((run) => {
      const { value, grads } = tf.variableGrads(() => penalty(run)(x) as tf.Scalar, [kernel]);
      return [values(value), values(grads[kernel.name]!), values(tf.grad(penalty(run))(x))];
    });
    for (const [i, each] of ours!.entries()) expectClose(each, plain![i]!, 1e-4);
  });
  forget(layer);
});

test('no product for an input or a kernel that takes no gradient', () => {
  const layer = denseOf(4, 3);
  const [kernel, bias] = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const ofVariables = (variables: tf.Variable[]) =>
    kernelsRunBy(() =>
      tf.tidy(() => {
        const x = tf.ones([2, 5, 3]);
        tf.variableGrads(() => tf.sum(layer.apply(x) as tf.Tensor) as tf.Scalar, variables);
      }),
    ).filter((name) => name.startsWith('LrmDense'));
  expect(ofVariables([kernel!])).toEqual(['LrmDense', 'LrmDenseGradient']);
  expect(ofVariables([bias!])).toEqual(['LrmDense']);
  forget(layer);
});

test('a step of a Dense layer runs a third of the kernels of stock tfjs', () => {
  const layer = denseOf(4, 3, { useBias: false });
  const count = () => kernelsRunBy(() => passes(layer, [2, 5, 3])).length;
  const ours = count();
  disableTraining();
  expect(ours).toBeLessThan(count() / 1.5);
  forget(layer);
});

test('integers stay with tfjs', () => {
  const layer = denseOf(2, 3);
  tf.tidy(() => {
    const y = layer.apply(tf.ones([2, 3], 'int32')) as tf.Tensor;
    expect(values(y)).toEqual(values(layer.apply(tf.ones([2, 3])) as tf.Tensor));
  });
  forget(layer);
});
