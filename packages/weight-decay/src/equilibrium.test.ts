/**
 * Under gradients that are pure noise, decay and Adam's steps settle the weights at a size that a formula gives.
 * With k the share of a weight that one step keeps, and β2 near 1,
 *
 *   RMS² = η² · (1 − β1)/(1 + β1) · (1 + k·β1) / ((1 − k²)(1 − k·β1))
 *
 * Cautious decay has no such formula: fixtures/optimizers/equilibrium.json holds what a simulation found.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { normal, random, values, variable } from '../../../test/tensors.ts';
import { withWeightDecay } from './index.ts';

interface Simulated {
  readonly beta1: number;
  readonly beta2: number;
  readonly learningRate: number;
  readonly decay: number;
  readonly cautious: boolean;
  readonly factor: number;
  /** What decays a tenth lower and higher would give. */
  readonly off?: Readonly<Record<string, number>>;
}

const url = new URL('../../../fixtures/optimizers/equilibrium.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(url, 'utf8')) as { cases: Simulated[] };

const SHAPE = [100, 200];
const SIZE = 100 * 200;
// In units of the time that the weights remember.
const [BURN_IN, SAMPLES] = [6, 8];

/** The RMS of weights that start at 0, once they have settled; `memory` is the number of steps that they remember. */
function settledRms(optimizer: tf.Optimizer, memory: number): number {
  const next = random(1);
  const kernel = variable(new Array(SIZE).fill(0), SHAPE, 'kernel');
  const squares: number[] = [];
  for (let t = 1; t <= (BURN_IN + SAMPLES) * memory; t++) {
    tf.tidy(() => {
      const gradient = tf.tensor(normal(next, SIZE), SHAPE);
      optimizer.applyGradients({ [kernel.name]: gradient });
      if (t > BURN_IN * memory && t % memory === 0) {
        squares.push(values(tf.mean(tf.square(kernel)))[0] as number);
      }
    });
  }
  kernel.dispose();
  optimizer.dispose();
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

/** The formula, with the factor of a finite β2 to first order in 1 − β2. */
function predictedRms(rate: number, keep: number, beta1: number, beta2: number): number {
  const c = 1 - beta2;
  const square =
    (rate ** 2 * ((1 - beta1) / (1 + beta1)) * (1 + keep * beta1)) /
    ((1 - keep ** 2) * (1 - keep * beta1));
  const r = ((1 - beta1) * (1 + beta1 * beta2)) / ((1 + beta1) * (1 - beta1 * beta2));
  const finite =
    1 - (2 * c * (1 - beta1)) / (1 - beta1 * beta2) + (c / (2 * (1 + beta2))) * (3 + r);
  return Math.sqrt(square * finite);
}

const TOLERANCE = 0.02;
const MEMORY = 50;
const share = 1 / MEMORY;

// One backend: this is about the rule, which the golden traces hold both backends to.
beforeAll(() => useBackend('wasm'));

test.each([
  ['learning-rate', 0.01, share / 0.01, 0.9, 0.99],
  ['independent', 0.04, share, 0.8, 0.95],
  ['learning-rate-squared', 0.05, share / 0.05 ** 2, 0, 0.98],
] as const)(
  'with the coupling %s the weights settle where the formula says',
  (coupling, learningRate, decay, beta1, beta2) => {
    const inner = adam({ learningRate, beta1, beta2 });
    const rms = settledRms(withWeightDecay(inner, { decay, coupling }), MEMORY);
    const distance = (by: number): number =>
      Math.abs(rms / predictedRms(learningRate, 1 - by * share, beta1, beta2) - 1);
    expect(distance(1)).toBeLessThan(TOLERANCE);
    // A decay that is a tenth off would not pass.
    expect(distance(1.1)).toBeGreaterThan(TOLERANCE);
    expect(distance(0.9)).toBeGreaterThan(TOLERANCE);
  },
);

test.each(cases.filter(({ cautious }) => cautious))(
  'cautious decay with beta1 $beta1, beta2 $beta2, rate $learningRate settles where the simulation did',
  ({ beta1, beta2, learningRate, decay, factor, off = {} }) => {
    const inner = adam({ learningRate, beta1, beta2 });
    const optimizer = withWeightDecay(inner, { decay, cautious: true });
    const rms = settledRms(optimizer, Math.round(1 / (learningRate * decay)));
    const unit = Math.sqrt(learningRate / (2 * decay));
    expect(Math.abs(rms / unit / factor - 1)).toBeLessThan(TOLERANCE);
    // A decay that is a tenth off would not pass.
    expect(Object.keys(off)).toHaveLength(2);
    for (const other of Object.values(off)) {
      expect(Math.abs(rms / unit / other - 1)).toBeGreaterThan(TOLERANCE);
    }
    // Neither is it plain decay, nor plain decay at half the rate.
    for (const other of [1, 2]) {
      const plain = predictedRms(learningRate, 1 - (learningRate * decay) / other, beta1, beta2);
      expect(rms / plain).toBeGreaterThan(1 + TOLERANCE);
    }
  },
);
