/** Long matrices take several steps on their Gram matrix: the result is that of the plain iteration, in float64. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test, vi } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { iterationOf } from './coefficients.ts';
import { orthogonalize, type Preset } from './index.ts';

type Matrix = number[][];
const PRESETS: Preset[] = ['jordan', 'quintic', 'polar-express-5', 'polar-express-8', 'hybrid-10'];

const transpose = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const product = (a: Matrix, b: Matrix): Matrix => {
  const columns = transpose(b);
  return a.map((row) =>
    columns.map((column) => row.reduce((sum, x, i) => sum + x * column[i]!, 0)),
  );
};
const combined = (...terms: [number, Matrix][]): Matrix =>
  terms[0]![1].map((row, i) =>
    row.map((_, j) => terms.reduce((sum, [factor, a]) => sum + factor * a[i]![j]!, 0)),
  );

/** X ← a·X + b·X·XᵀX + c·X·(XᵀX)², step by step. */
function oracle(matrix: Matrix, coefficients: Preset): Matrix {
  const { tuples, safety } = iterationOf(coefficients);
  const norm = Math.hypot(...matrix.flat()) * (1 + safety);
  let x = matrix.map((row) => row.map((value) => value / norm));
  for (const [a, b, c] of tuples) {
    const gram = product(transpose(x), x);
    const cubic = product(x, gram);
    x = combined([a, x], [b, cubic], [c, product(cubic, gram)]);
  }
  return x;
}

/** A matrix whose singular values fall from 1 to 1e-6 over its columns. */
function graded(seed: number, rows: number, columns: number): Matrix {
  const next = random(seed);
  let matrix: Matrix = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => (i === j ? 10 ** ((-6 * j) / (columns - 1)) : 0)),
  );
  for (let turn = 0; turn < 3; turn++) {
    const reflect = (a: Matrix): Matrix => {
      const v = noise(next, a.length);
      const square = v.reduce((sum, x) => sum + x * x, 0);
      const along = a[0]!.map((_, j) => a.reduce((sum, row, i) => sum + v[i]! * row[j]!, 0));
      return a.map((row, i) => row.map((x, j) => x - (2 * v[i]! * along[j]!) / square));
    };
    matrix = transpose(reflect(transpose(reflect(matrix))));
  }
  return matrix;
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]!))) / Math.max(...b.map(Math.abs));

/** How far float32 may be from float64: the more steps, the more they magnify the smallest singular values. */
const BOUNDS: Readonly<Record<Preset, number>> = {
  jordan: 1e-4,
  quintic: 1e-4,
  'polar-express-5': 2e-4,
  'polar-express-8': 1e-3,
  'hybrid-10': 1e-2,
};

function productsOf(action: () => tf.Tensor): number {
  const engine = tf.engine();
  const spy = vi.spyOn(engine, 'runKernel');
  tf.tidy(() => void action());
  const count = spy.mock.calls.filter(([name]) => name === 'BatchMatMul').length;
  spy.mockRestore();
  return count;
}

eachBackend(() => {
  test.each(PRESETS)(
    '%s: as the plain iteration in float64, singular values over six decades',
    (coefficients) => {
      for (const [rows, columns] of [
        [48, 16],
        [130, 24],
      ] as const) {
        const matrix = graded(rows, rows, columns);
        const expected = oracle(matrix, coefficients);
        for (const [input, output] of [
          [matrix, expected],
          [transpose(matrix), transpose(expected)],
        ] as const) {
          const result = tf.tidy(() => values(orthogonalize(tf.tensor2d(input), { coefficients })));
          expect(distance(result, output.flat())).toBeLessThan(BOUNDS[coefficients]);
        }
      }
    },
  );

  test('of a batch of long matrices each is as it is alone', () => {
    const batch = [graded(1, 50, 16), graded(2, 50, 16)];
    const together = tf.tidy(() => values(orthogonalize(tf.tensor3d(batch))));
    const alone = batch.flatMap((matrix) =>
      tf.tidy(() => values(orthogonalize(tf.tensor2d(matrix)))),
    );
    expect(distance(together, alone)).toBeLessThan(1e-5);
  });

  test('five steps touch the long side four times, not ten', () => {
    const long = tf.randomNormal([160, 16], 0, 1, 'float32', 1);
    const near = tf.randomNormal([40, 16], 0, 1, 'float32', 1);
    // Two Gram matrices and two products with X; on the small side 5 for P, 3 for Q and 6 for G.
    expect(productsOf(() => orthogonalize(long))).toBe(18);
    expect(productsOf(() => orthogonalize(near))).toBe(15);
    tf.dispose([long, near]);
  });
});
