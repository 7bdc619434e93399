/** Whether what reaches the weights is orthogonalised at all: a loss falls without it, too. */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { withClipping } from '@tfjs-lrm/clipping';
import { withSchedule } from '@tfjs-lrm/schedule';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, random, step, values, variable } from '../../../test/tensors.ts';
import { muon, type Preset } from './index.ts';

const url = new URL('../../../fixtures/muon/muon.json', import.meta.url);
const { bands } = JSON.parse(readFileSync(url, 'utf8')) as {
  bands: Record<Preset, { from: Record<string, [number, number]> }>;
};

/** Singular values by rotating pairs of columns until all are orthogonal (Hestenes, 1958). */
function singularValues(data: readonly number[], rows: number, columns: number): number[] {
  const isWide = rows < columns;
  const [length, count] = isWide ? [columns, rows] : [rows, columns];
  const vectors = Array.from({ length: count }, (_, j) =>
    Array.from({ length }, (_, i) => data[isWide ? j * columns + i : i * columns + j] as number),
  );
  const dot = (a: number[], b: number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < count; p++) {
      for (let q = p + 1; q < count; q++) {
        const [u, v] = [vectors[p]!, vectors[q]!];
        const angle = 0.5 * Math.atan2(2 * dot(u, v), dot(u, u) - dot(v, v));
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        vectors[p] = u.map((x, i) => cos * x + sin * v[i]!);
        vectors[q] = v.map((x, i) => cos * x - sin * u[i]!);
      }
    }
  }
  return vectors.map((v) => Math.sqrt(dot(v, v))).sort((a, b) => b - a);
}

test('the singular values of a product of rotations and a diagonal are the diagonal', () => {
  expect(singularValues([3, 0, 0, 0, -2, 0], 2, 3)).toEqual([3, 2]);
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const [first, second] = singularValues([5 * c, -s, 5 * s, c], 2, 2) as [number, number];
  expect(first).toBeCloseTo(5, 12);
  expect(second).toBeCloseTo(1, 12);
});

eachBackend(() => {
  test.each(Object.keys(bands) as Preset[])(
    '%s: the singular values of every applied update are in its band',
    (coefficients) => {
      const [low, high] = bands[coefficients].from['0.01'] as [number, number];
      for (const shape of [
        [6, 10],
        [10, 6],
        [12, 3],
      ] as [number, number][]) {
        const kernel = variable(noise(random(1), shape[0] * shape[1]), shape, 'hidden/kernel');
        const rate = 4;
        const optimizer = withSchedule(
          withClipping(muon({ learningRate: 2 * rate, scale: 'none', coefficients }), {
            globalNorm: 1e-3,
          }),
          () => 0.5,
        );
        for (let t = 0; t < 12; t++) {
          const before = values(kernel);
          step(optimizer, [[kernel, noise(random(100 + t), kernel.size)]]);
          const after = values(kernel);
          const applied = before.map((w, i) => (w - after[i]!) / rate);
          const found = singularValues(applied, ...shape);
          expect(Math.max(...found)).toBeLessThan(high + 1e-4);
          expect(Math.min(...found)).toBeGreaterThan(low - 1e-4);
        }
        tf.dispose(kernel);
        optimizer.dispose();
      }
    },
  );
});
