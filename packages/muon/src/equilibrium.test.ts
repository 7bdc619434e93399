/**
 * Under gradients that are pure noise, decay and Muon's steps settle the weights of a wide matrix at a size that a
 * formula gives: with ρ = 1 − ηλ and update elements of RMS ηκ/√max(in, out),
 *
 *   RMS² = η²κ²/max(in, out)/(1 − ρ²) · (1 + 2·Σ ρ^k·r_k)
 *
 * where r_k is the correlation of directions k steps apart: none without momentum; with it that of a filter. Square
 * matrices settle lower: fixtures/muon/equilibrium.json holds what a simulation found, in units of the formula.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { normal, random, values, variable } from '../../../test/tensors.ts';
import { muon } from './index.ts';

interface Simulated {
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly learningRate: number;
  readonly decay: number;
  readonly factor: number;
}

const url = new URL('../../../fixtures/muon/equilibrium.json', import.meta.url);
const fixture = JSON.parse(readFileSync(url, 'utf8')) as { size: number; cases: Simulated[] };

/** 1 + 2·Σ ρ^k·r_k for the filter that momentum applies to gradients. */
function memory(momentum: number, nesterov: boolean, keep: number): number {
  const length = 2000;
  const filter = Array.from({ length }, (_, k) => {
    const mean = (1 - momentum) * momentum ** k;
    return nesterov ? momentum * mean + (k === 0 ? 1 - momentum : 0) : mean;
  });
  const correlation = (lag: number): number =>
    filter.reduce((sum, h, k) => sum + h * (filter[k + lag] ?? 0), 0);
  const r0 = correlation(0);
  let sum = 1;
  for (let lag = 1; lag < 400; lag++) sum += (2 * keep ** lag * correlation(lag)) / r0;
  return sum;
}

/** The formula's RMS; 0.2 is the RMS of an update in units of the learning rate. */
function predictedRms(rate: number, decay: number, momentum: number, nesterov: boolean): number {
  const keep = 1 - rate * decay;
  return 0.2 * rate * Math.sqrt(memory(momentum, nesterov, keep) / (1 - keep ** 2));
}

/** The RMS of the weights over `samples` after `burnIn` steps, from a start of RMS `start`. */
function settledRms(optimizer: tf.Optimizer, shape: number[], start: number): number {
  const [burnIn, samples] = [200, 30];
  const next = random(1);
  const size = tf.util.sizeFromShape(shape);
  const kernel = variable(
    Array.from(normal(next, size), (x) => x * start),
    shape,
    'hidden/kernel',
  );
  const squares: number[] = [];
  for (let t = 1; t <= burnIn + 20 * samples; t++) {
    tf.tidy(() => {
      optimizer.applyGradients({ [kernel.name]: tf.tensor(normal(next, size), shape) });
      if (t > burnIn && t % 20 === 0) squares.push(values(tf.mean(tf.square(kernel)))[0] as number);
    });
  }
  kernel.dispose();
  optimizer.dispose();
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

const TOLERANCE = 0.02;
const [RATE, DECAY] = [0.02, 0.5];

// One backend: this is about the rule, which the golden traces hold both backends to.
beforeAll(() => useBackend('wasm'));

test.each([0, 0.95])(
  'wide matrices settle where the formula says, with a momentum of %f',
  (momentum) => {
    const inner = muon({ learningRate: RATE, momentum, coefficients: 'hybrid-10' });
    const predicted = (by: number) => predictedRms(RATE, by * DECAY, momentum, true);
    const rms = settledRms(withWeightDecay(inner, { decay: DECAY }), [8, 512], predicted(1));
    expect(Math.abs(rms / predicted(1) - 1)).toBeLessThan(TOLERANCE);
    // A decay that is a tenth off would not pass.
    for (const by of [0.9, 1.1])
      expect(Math.abs(rms / predicted(by) - 1)).toBeGreaterThan(TOLERANCE);
  },
);

test.each(fixture.cases)(
  'square matrices settle where the simulation did, momentum $momentum, Nesterov $nesterov',
  ({ momentum, nesterov, learningRate, decay, factor }) => {
    const view = () => ({ in: [1], out: [2] });
    const inner = muon({ learningRate, momentum, nesterov, coefficients: 'hybrid-10', view });
    const simulated = (by: number) =>
      factor * predictedRms(learningRate, by * decay, momentum, nesterov);
    const shape = [6, fixture.size, fixture.size];
    const rms = settledRms(withWeightDecay(inner, { decay }), shape, simulated(1));
    expect(Math.abs(rms / simulated(1) - 1)).toBeLessThan(TOLERANCE);
    for (const by of [0.9, 1.1])
      expect(Math.abs(rms / simulated(by) - 1)).toBeGreaterThan(TOLERANCE);
  },
);
