/**
 * Decay around Adam is AdamW: the formula of PyTorch's torch.optim.AdamW as a plain loop in float64,
 *
 *   w ← w · (1 − η·λ);  then Adam, which never sees the decay
 */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, step, values, variable } from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

const OPTIONS = { learningRate: 0.02, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
const DECAY = 0.3;
const STEPS = 30;

/** AdamW for one variable; `coupled` adds λ·w to the gradient instead, as Adam with L2 does. */
function adamW(start: readonly number[], decay: number, coupled = false) {
  const { learningRate, beta1, beta2, epsilon } = OPTIONS;
  const w = [...start];
  const [m, v] = [w.map(() => 0), w.map(() => 0)];
  let t = 0;
  return {
    w,
    step(gradient: readonly number[]): void {
      t += 1;
      gradient.forEach((given, i) => {
        const g = given + (coupled ? decay * w[i]! : 0);
        if (!coupled) w[i] = w[i]! * (1 - learningRate * decay);
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g ** 2;
        const denominator = Math.sqrt(v[i]!) / Math.sqrt(1 - beta2 ** t) + epsilon;
        w[i] = w[i]! - ((learningRate / (1 - beta1 ** t)) * m[i]!) / denominator;
      });
    },
  };
}

const SHAPES: [number[], string, number][] = [
  [[6, 5], 'kernel', DECAY],
  [[7, 3], 'embeddings', DECAY],
  [[5], 'row_multiplier', 2e-3],
  [[5], 'bias', 0],
];

eachBackend((backend) => {
  const bound = backend === 'cpu' ? 1e-5 : 2e-5;

  test('30 steps over all roles follow the loop', () => {
    const next = random(21);
    const starts = SHAPES.map(([shape]) => noise(next, tf.util.sizeFromShape(shape)));
    const variables = SHAPES.map(([shape, name], i) => variable(starts[i]!, shape, name));
    const references = SHAPES.map(([, , decay], i) => adamW(starts[i]!, decay));
    const optimizer = withWeightDecay(adam(OPTIONS), { decay: DECAY });
    for (let t = 0; t < STEPS; t++) {
      const gradients = variables.map(({ size }) => noise(next, size, 2));
      step(
        optimizer,
        variables.map((v, i) => [v, gradients[i]!]),
      );
      references.forEach((r, i) => {
        r.step(gradients[i]!);
        expectClose(values(variables[i]!), r.w, bound);
      });
    }
  });

  test('the decay is not that of L2: it does not pass through the moments', () => {
    const next = random(22);
    const start = noise(next, 6);
    const target = variable(start, [2, 3], 'kernel');
    const optimizer = withWeightDecay(adam(OPTIONS), { decay: DECAY });
    const [decoupled, coupled] = [adamW(start, DECAY), adamW(start, DECAY, true)];
    for (let t = 0; t < STEPS; t++) {
      const gradient = noise(next, 6, 0.5);
      step(optimizer, [[target, gradient]]);
      decoupled.step(gradient);
      coupled.step(gradient);
    }
    expectClose(values(target), decoupled.w, bound);
    expect(() => expectClose(values(target), coupled.w, 1e-2)).toThrow();
  });
});
