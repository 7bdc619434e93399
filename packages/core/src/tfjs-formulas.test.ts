/**
 * tfjs' own optimizers inside adapters: the same bits as bare, and what their formulas say. The formulas are
 * those of tfjs 4.22, as plain loops in float64; learning rates change on the way.
 */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { Passing } from '../../../test/optimizers.ts';
import { expectClose, noise, random, step, values, variable } from '../../../test/tensors.ts';

/** What a step takes away from one element, given its gradient, the rate, and the step from 1. */
type Rule = (g: number, rate: number, t: number) => number;

const EPSILON = 1e-7;

const momentum = (share: number, nesterov = false) => {
  let m = 0;
  return (g: number, rate: number): number => {
    m = share * m + g;
    return rate * (nesterov ? g + share * m : m);
  };
};

const rmsprop = (decay: number, share: number, epsilon: number, centered = false) => {
  let [square, mean, m] = [0, 0, 0];
  return (g: number, rate: number): number => {
    square = decay * square + (1 - decay) * g * g;
    mean = decay * mean + (1 - decay) * g;
    const variance = centered ? square - mean * mean - epsilon : square + epsilon;
    m = share * m + (rate * g) / Math.sqrt(variance);
    return m;
  };
};

const adam = (beta1: number, beta2: number, epsilon: number) => {
  let [m, v] = [0, 0];
  return (g: number, rate: number, t: number): number => {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    return (rate * m) / (1 - beta1 ** t) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon);
  };
};

const adamax = (beta1: number, beta2: number, epsilon: number, decay: number) => {
  let [m, largest] = [0, 0];
  return (g: number, rate: number, t: number): number => {
    m = beta1 * m + (1 - beta1) * g;
    largest = Math.max(beta2 * largest, Math.abs(g));
    return ((rate / (1 + decay * (t - 1)) / (1 - beta1 ** t)) * m) / (largest + epsilon);
  };
};

const adagrad = (initial: number) => {
  let sum = initial;
  return (g: number, rate: number): number => {
    sum += g * g;
    return (rate * g) / Math.sqrt(sum + EPSILON);
  };
};

/** tfjs divides by the root of the gradients' mean before this step, the paper by that after it. */
const adadelta = (rho: number, epsilon: number) => {
  let [gradients, updates] = [0, 0];
  return (g: number, rate: number): number => {
    const update = (Math.sqrt(updates + epsilon) / Math.sqrt(gradients + epsilon)) * g;
    gradients = rho * gradients + (1 - rho) * g * g;
    updates = rho * updates + (1 - rho) * update * update;
    return rate * update;
  };
};

const TABLE: [name: string, make: () => tf.Optimizer, rule: () => Rule][] = [
  ['sgd', () => tf.train.sgd(0.1), () => (g, rate) => rate * g],
  ['momentum', () => tf.train.momentum(0.1, 0.9), () => momentum(0.9)],
  ['nesterov momentum', () => tf.train.momentum(0.1, 0.8, true), () => momentum(0.8, true)],
  ['rmsprop', () => tf.train.rmsprop(0.05), () => rmsprop(0.9, 0, EPSILON)],
  ['rmsprop, momentum', () => tf.train.rmsprop(0.05, 0.8, 0.5), () => rmsprop(0.8, 0.5, EPSILON)],
  [
    'centered rmsprop',
    () => tf.train.rmsprop(0.05, 0.8, 0.5, 1e-5, true),
    () => rmsprop(0.8, 0.5, 1e-5, true),
  ],
  ['adam', () => tf.train.adam(0.05, 0.9, 0.99), () => adam(0.9, 0.99, EPSILON)],
  ['adam, large epsilon', () => tf.train.adam(0.05, 0.5, 0.9, 0.1), () => adam(0.5, 0.9, 0.1)],
  ['adamax', () => tf.train.adamax(0.05), () => adamax(0.9, 0.999, EPSILON, 0)],
  [
    'adamax, decay',
    () => tf.train.adamax(0.05, 0.5, 0.9, 1e-3, 0.2),
    () => adamax(0.5, 0.9, 1e-3, 0.2),
  ],
  ['adagrad', () => tf.train.adagrad(0.1), () => adagrad(0.1)],
  ['adagrad, accumulator of 3', () => tf.train.adagrad(0.1, 3), () => adagrad(3)],
  ['adadelta', () => tf.train.adadelta(0.1), () => adadelta(0.95, EPSILON)],
  ['adadelta, rho of 0.5', () => tf.train.adadelta(0.1, 0.5, 0.01), () => adadelta(0.5, 0.01)],
];

const SHAPE = [2, 3];
const SIZE = 6;
// In units of the rate that the optimizer was made with; 0 in one step, which still gathers moments.
const RATES = [1, 1, 1, 0.5, 0.5, 0, 2, 2];

/** The base rate of a bare optimizer; SGD and Momentum hold it in a tensor besides. */
function setRate(optimizer: tf.Optimizer, rate: number): void {
  const bare = optimizer as tf.Optimizer & {
    learningRate: number;
    setLearningRate?: (rate: number) => void;
  };
  if (bare.setLearningRate === undefined) bare.learningRate = rate;
  else bare.setLearningRate(rate);
}

eachBackend(() => {
  test.each(TABLE)('%s follows its formula, and has the same bits as bare', (_, make, rule) => {
    const next = random(11);
    const start = noise(next, SIZE);
    const [bare, wrapped] = [make(), new Passing(new Passing(make()))];
    const base = wrapped.learningRate;
    const [alone, inside] = [variable(start, SHAPE), variable(start, SHAPE)];
    const w = [...start];
    const rules = w.map(rule);
    RATES.forEach((factor, at) => {
      const rate = base * factor;
      setRate(bare, rate);
      wrapped.learningRate = rate;
      const gradient = noise(next, SIZE).map((g) => Math.fround(g + Math.sign(g) * 0.1));
      step(bare, [[alone, gradient]]);
      step(wrapped, [[inside, gradient]]);
      rules.forEach((take, i) => {
        w[i] = (w[i] as number) - take(gradient[i] as number, rate, at + 1);
      });
      expectClose(values(inside), w, 1e-5, 0.1);
      expect(values(inside)).toEqual(values(alone));
    });
    expect(wrapped.iterations).toBe(RATES.length);
    bare.dispose();
    wrapped.dispose();
    tf.dispose([alone, inside]);
  });
});
