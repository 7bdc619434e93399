import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, tensorsLeftBy, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';
import type { WasmBackend } from './wasm-backend.ts';

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

const segmentSum = (x: tf.Tensor, ids: number[], numSegments: number): tf.Tensor =>
  tf.unsortedSegmentSum(x, tf.tensor1d(ids, 'int32'), numSegments);

interface Case {
  readonly shape: number[];
  readonly ids: number[];
  readonly numSegments: number;
  readonly seed: number;
}

/** Rows of rank 0 to 3; ids inside, or with some that are negative or too large. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    rows: fc.constantFrom(0, 1, 2, 5, 30, 100),
    rowShape: fc.array(fc.constantFrom(1, 2, 3, 8), { maxLength: 3 }),
    numSegments: fc.constantFrom(1, 2, 7, 40),
    outside: fc.constantFrom(0, 0, 3),
    seed: fc.nat(),
  })
  .map(({ rows, rowShape, numSegments, outside, seed }) => {
    const next = random(seed);
    const ids = Array.from(
      { length: rows },
      () => Math.floor(next() * (numSegments + 2 * outside)) - outside,
    );
    return { shape: [rows, ...rowShape], ids, numSegments, seed };
  });

/** The definition, in float64. */
function define(data: readonly number[], { shape, ids, numSegments }: Case): number[] {
  const size = tf.util.sizeFromShape(shape.slice(1));
  const sums = new Array<number>(numSegments * size).fill(0);
  data.forEach((value, i) => {
    const id = ids[Math.floor(i / size)]!;
    if (id >= 0 && id < numSegments) sums[id * size + (i % size)]! += value;
  });
  return sums;
}

test.each(['wasm', 'cpu'] as const)(
  'on %s the sums equal their definition, for any rank and ids inside and outside',
  async (backend) => {
    await useBackend(backend);
    fc.assert(
      fc.property(cases, (c) => {
        tf.tidy(() => {
          const x = tf.tensor(noise(random(c.seed), tf.util.sizeFromShape(c.shape)), c.shape);
          const sums = segmentSum(x, c.ids, c.numSegments);
          expect([sums.dtype, sums.shape]).toEqual([
            'float32',
            [c.numSegments, ...c.shape.slice(1)],
          ]);
          expectClose(values(sums), define(values(x), c), 1e-5, 1);
        });
      }),
      { numRuns: 200, seed: 1 },
    );
    await useBackend('wasm');
  },
);

test('on cpu a NaN stays in its segment too, also in the gradient of an embedding', async () => {
  await useBackend('cpu');
  tf.tidy(() => {
    expect(values(segmentSum(tf.tensor1d([Number.NaN, 1]), [0, 1], 2))).toEqual([Number.NaN, 1]);
    const gradient = tf.grad((t) => tf.gather(t, [3, 3, 7]))(
      tf.ones([8]),
      tf.tensor1d([1, 2, Number.NaN]),
    );
    expect(values(gradient)).toEqual([0, 0, 0, 3, 0, 0, 0, Number.NaN]);
  });
  await useBackend('wasm');
});

test('int32 sums are exact and stay int32, sums of bool count', () => {
  tf.tidy(() => {
    const large = 2 ** 24 + 1; // more than float32 can hold
    const x = tf.tensor2d([large, 1, 2, 3, 4, 5], [3, 2], 'int32');
    for (const [ids, expected] of [
      [
        [1, 0, 1],
        [2, 3, large + 4, 6],
      ],
      [
        [1, -1, 1],
        [0, 0, large + 4, 6],
      ],
    ] as const) {
      const sums = segmentSum(x, [...ids], 2);
      expect([sums.dtype, values(sums)]).toEqual(['int32', expected]);
    }
    const counts = segmentSum(tf.tensor1d([true, true, false, true], 'bool'), [0, 1, 1, 0], 2);
    expect([counts.dtype, values(counts)]).toEqual(['int32', [2, 1]]);
  });
});

test('empty segments are zero even where the memory was not', () => {
  tf.tidy(() => {
    for (const ids of [
      [3, 3],
      [3, -1],
    ]) {
      for (let i = 0; i < 4; i++) tf.dispose(tf.fill([5, 4], 9));
      const sums = values(segmentSum(tf.ones([2, 4]), ids, 5));
      expect(sums.filter((sum) => sum !== 0).length).toBe(4);
    }
    expect(segmentSum(tf.ones([2, 3]), [0, 0], 0).shape).toEqual([0, 3]);
    expect(segmentSum(tf.zeros([2, 0, 3]), [0, 9], 4).shape).toEqual([4, 0, 3]);
    expect(values(segmentSum(tf.zeros([0, 2]), [], 2))).toEqual([0, 0, 0, 0]);
  });
});

test('a NaN stays in its segment', () => {
  tf.tidy(() => {
    for (const ids of [
      [0, 1, 1],
      [0, 1, 5],
    ]) {
      const [first, second] = values(segmentSum(tf.tensor1d([Number.NaN, 1, 2]), ids, 2));
      expect([first, second]).toEqual([Number.NaN, ids[2] === 1 ? 3 : 1]);
    }
  });
});

test('the heap may grow under the result', () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  tf.tidy(() => {
    const before = wasm.HEAPU8.length;
    const numSegments = Math.ceil(before / 4 / 8) + 1; // a result as large as the whole heap
    for (const ids of [
      [2, 2, -1],
      [2, 2, 0],
    ]) {
      const sums = segmentSum(tf.ones([3, 8]), ids, numSegments);
      expect(values(tf.slice(sums, [2, 0], [1, 8]))).toEqual(new Array(8).fill(2));
    }
    expect(wasm.HEAPU8.length).toBeGreaterThan(before);
  });
});

test('ids that are not one for each row are refused', () => {
  tf.tidy(() => {
    expect(() => segmentSum(tf.ones([3, 2]), [0, 1], 2)).toThrow(
      'kernels/unsortedSegmentSum: segmentIds must have one id for each row of x. Received x of shape [3,2] and segmentIds of shape [2]. Try reshaping segmentIds to [3].',
    );
    const square = tf.zeros([3, 2], 'int32') as tf.Tensor;
    expect(() => tf.unsortedSegmentSum(tf.ones([3, 2]), square as tf.Tensor1D, 2)).toThrow(
      RangeError,
    );
    expect(() => segmentSum(tf.scalar(1), [0], 2)).toThrow(RangeError);
  });
});

test('gradients of sums and of gather equal differences of the loss', () => {
  fc.assert(
    fc.property(
      cases.filter(({ ids }) => ids.length > 0),
      (c) => {
        tf.tidy(() => {
          const draw = (shape: number[], seed: number) =>
            tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);
          const size = c.shape.slice(1);
          // tfjs' own gradient of a sum looks rows up by their ids, and refuses those that are too large.
          const notLarge = c.ids.map((id) => Math.min(id, c.numSegments - 1));
          const inside = notLarge.map((id) => Math.max(id, 0));
          const rows = tf.tensor1d(inside, 'int32');
          const losses: [number[], (x: tf.Tensor) => tf.Scalar][] = [
            [c.shape, (x) => tf.sum(tf.square(segmentSum(x, notLarge, c.numSegments)))],
            [[c.numSegments, ...size], (x) => tf.sum(tf.square(tf.gather(x, rows)))],
          ];
          for (const [shape, loss] of losses) {
            const [x, direction] = [draw(shape, c.seed), draw(shape, c.seed + 1)];
            const slope = values(tf.sum(tf.mul(tf.grad(loss)(x), direction)))[0]!;
            // The loss is quadratic, so a central difference is exact but for rounding.
            const [up, down] = [loss(tf.add(x, direction)), loss(tf.sub(x, direction))].map(values);
            const scale = 1 + up![0]! + down![0]!;
            expect(Math.abs(slope - (up![0]! - down![0]!) / 2) / scale).toBeLessThan(1e-5);
          }
        });
      },
    ),
    { numRuns: 100, seed: 3 },
  );
});

test('200 sums leave no tensor and no heap', async () => {
  const { wasm } = tf.backend() as unknown as WasmBackend;
  const once = (id: number) =>
    tf.tidy(() => void segmentSum(tf.ones([64, 512]), Array(64).fill(id), 100));
  for (const id of [0, -1]) {
    once(id);
    const heap = wasm.HEAPU8.length;
    expect(await tensorsLeftBy(() => Array.from({ length: 200 }, () => once(id)))).toBe(0);
    expect(wasm.HEAPU8.length).toBe(heap);
  }
});

test('stock tfjs has no such kernel on wasm', () => {
  disableTraining();
  tf.tidy(() => {
    expect(() => segmentSum(tf.ones([2]), [0, 1], 2)).toThrow(
      "Kernel 'UnsortedSegmentSum' not registered for backend 'wasm'",
    );
  });
});
