/**
 * EinsumDense and MultiHeadAttention, which tfjs-layers holds but does not export. A model cannot train them: the
 * attention layer does not list the weights of the layers inside it, and takes its tensors through `call` alone.
 * They add their biases by chained operations, so the union package, or something else that registers those, must be
 * loaded. Free of test tools, so that a page can run it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { EinsumDense } from '@tensorflow/tfjs-layers/dist/layers/nlp/einsum_dense.js';
import { MultiHeadAttention } from '@tensorflow/tfjs-layers/dist/layers/nlp/multihead_attention.js';
import { noise, random, values } from './numbers.ts';

/** Steps of attention and then an einsum layer on the backend in use: the losses, then each weight. */
export function trainAttention(steps: number): number[][] {
  const next = random(1);
  const draw = (shape: number[], scale: number): tf.Tensor =>
    tf.tensor(noise(next, tf.util.sizeFromShape(shape), scale), shape);
  const [x, y] = [draw([3, 7, 6], 1), draw([3, 7, 4], 1)];
  const attention = new MultiHeadAttention({ numHeads: 2, keyDim: 5 });
  const last = new EinsumDense({ equation: 'btd,de->bte', outputShape: [null, 4], biasAxes: 'e' });
  const predict = (): tf.Tensor => {
    const mixed = attention.call(x, { value: x, useCausalMask: true });
    return last.apply(tf.add(x, mixed)) as tf.Tensor;
  };
  tf.tidy(() => void predict()); // builds them
  const parts = [
    attention._queryDense,
    attention._keyDense,
    attention._valueDense,
    attention._outputDense,
    last,
  ];
  const variables = parts.flatMap((layer) =>
    layer.trainableWeights.map((weight) => weight.read() as tf.Variable),
  );
  tf.tidy(() => {
    for (const variable of variables) variable.assign(draw(variable.shape, 0.3));
  });
  const optimizer = tf.train.sgd(0.3);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = (): tf.Scalar => tf.mean(tf.squaredDifference(predict(), y));
    const value = optimizer.minimize(loss, true, variables) as tf.Scalar;
    losses.push(...values(value));
    value.dispose();
  }
  const trained = [losses, ...variables.map(values)];
  for (const layer of parts) layer.dispose();
  tf.dispose([x, y]);
  optimizer.dispose();
  return trained;
}
