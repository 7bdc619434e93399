/** Against fixtures/muon/muon.json: a float64 reference through an SVD, itself compared with PyTorch and optax. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { setRole } from '@tfjs-lrm/core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, random, step, values, variable } from '../../../test/tensors.ts';
import { muon, orthogonalize, type Preset } from './index.ts';

interface Trace {
  readonly name: string;
  readonly shape: number[];
  readonly seed: number;
  readonly options: Parameters<typeof muon>[0];
  readonly split?: { readonly axis: number; readonly sizes: number[] };
  readonly view?: { readonly in: number[]; readonly out: number[] };
  readonly weights: Readonly<Record<string, number[]>>;
}

interface Update {
  readonly name: string;
  readonly shape: number[];
  readonly ill: boolean;
  readonly matrix: number[];
  readonly by: Readonly<Record<Preset, number[]>>;
}

const url = new URL('../../../fixtures/muon/muon.json', import.meta.url);
const { traces, updates, largestDistance } = JSON.parse(readFileSync(url, 'utf8')) as {
  traces: Trace[];
  updates: Update[];
  largestDistance: Record<string, number>;
};

/** The largest difference, as a share of the largest expected magnitude. */
function distance(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((actual[i] as number) - value))) / largest;
}

test('the reference agrees with torch.optim.Muon and optax.contrib.muon', () => {
  expect(largestDistance['torch']).toBeLessThan(1e-10);
  expect(largestDistance['optax']).toBeLessThan(1e-10);
});

eachBackend((backend) => {
  // Rounding polar-express-5 to float32 alone moves some singular values by 1.2e-5.
  const bound = (coefficients: unknown): number =>
    backend !== 'cpu' && coefficients === 'polar-express-5' ? 2e-5 : 1e-5;

  test.each(traces)('30 steps: $name', ({ shape, seed, options, split, view, weights }) => {
    const size = tf.util.sizeFromShape(shape);
    const target = variable(noise(random(seed), size, 0.1), shape);
    setRole(target, 'matrix');
    const optimizer = muon({
      ...options,
      ...(split && { split: () => split }),
      ...(view && { view: () => view }),
    });
    for (let t = 1; t <= 30; t++) {
      step(optimizer, [[target, noise(random(seed + 1000 * t), size)]]);
      const expected = weights[t];
      if (expected !== undefined)
        expect(distance(values(target), expected)).toBeLessThan(bound(options?.coefficients));
    }
    expect(Object.keys(weights)).toEqual(['1', '10', '30']);
    target.dispose();
    optimizer.dispose();
  });

  test.each(updates)('orthogonalised: $name', ({ shape, ill, matrix, by }) => {
    for (const [coefficients, expected] of Object.entries(by)) {
      const found = tf.tidy(() =>
        values(orthogonalize(tf.tensor(matrix, shape), { coefficients: coefficients as Preset })),
      );
      expect(distance(found, expected), coefficients).toBeLessThan(ill ? 1e-4 : 5e-5);
    }
  });
});
