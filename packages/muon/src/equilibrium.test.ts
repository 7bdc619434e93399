/**
 * Under gradients that are pure noise, decay and Muon's steps settle the weights of a wide matrix at a size that a
 * formula gives: with ρ = 1 − ηλ and update elements of RMS ηκ/√max(in, out),
 *
 *   RMS² = η²κ²/max(in, out)/(1 − ρ²) · (1 + 2·Σ ρ^k·r_k)
 *
 * where r_k is the correlation of directions k steps apart: none without momentum; with it that of a filter.
 */
import * as tf from '@tensorflow/tfjs-core';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { normal, random, step, values, variable } from '../../../test/tensors.ts';
import { muon } from './index.ts';

const [RATE, DECAY, SHAPE] = [0.02, 0.5, [8, 256] as [number, number]];
const RHO = 1 - RATE * DECAY;

/** 1 + 2·Σ ρ^k·r_k for the filter that Nesterov momentum applies to gradients. */
function memory(mu: number): number {
  const length = 2000;
  const filter = Array.from({ length }, (_, k) =>
    k === 0 ? (1 - mu) * (1 + mu) : (1 - mu) * mu ** (k + 1),
  );
  const correlation = (lag: number): number =>
    filter.reduce((sum, h, k) => sum + h * (filter[k + lag] ?? 0), 0);
  const r0 = correlation(0);
  let sum = 1;
  for (let lag = 1; lag < 400; lag++) sum += (2 * RHO ** lag * correlation(lag)) / r0;
  return sum;
}

// One backend: this is about the rule, which the golden traces hold both backends to.
beforeAll(() => useBackend('wasm'));

test.each([0, 0.95])(
  'with a momentum of %f the weights settle within 3 % of the formula',
  (momentum) => {
    const predicted = 0.2 * RATE * Math.sqrt(memory(momentum) / (1 - RHO ** 2));
    const next = random(1);
    const size = SHAPE[0] * SHAPE[1];
    const start = Array.from(normal(next, size), (x) => x * predicted);
    const kernel = variable(start, SHAPE, 'hidden/kernel');
    const optimizer = withWeightDecay(
      muon({ learningRate: RATE, momentum, coefficients: 'polar-express-8' }),
      { decay: DECAY },
    );
    const squares: number[] = [];
    for (let t = 0; t < 700; t++) {
      step(optimizer, [[kernel, [...normal(next, size)]]]);
      if (t >= 300 && t % 20 === 0)
        squares.push(tf.tidy(() => values(tf.mean(tf.square(kernel)))[0]!));
    }
    const rms = Math.sqrt(squares.reduce((sum, x) => sum + x, 0) / squares.length);
    expect(rms / predicted).toBeGreaterThan(0.97);
    expect(rms / predicted).toBeLessThan(1.03);
  },
);
