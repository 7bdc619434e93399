import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { noise, random, values } from '../../../test/tensors.ts';
import { batchMatMul } from './batch-mat-mul.ts';
import { disableTraining, enableTraining } from './index.ts';
import { directCost, type Product, packedCost, slowCost, swappedCost } from './product-cost.ts';
import type { WasmBackend } from './wasm-backend.ts';
import { productsOf } from './wasm-products.ts';

/** Whether the engine has relaxed SIMD, where products by our own module have other last bits. */
const isRelaxed = (): boolean =>
  productsOf(tf.backend() as unknown as WasmBackend)?.isRelaxed === true;

function useKernel(config: tf.KernelConfig): void {
  tf.unregisterKernel(config.kernelName, config.backendName);
  tf.registerKernel(config);
}

/** As where our own module cannot be made. */
function useWithoutModule(): void {
  disableTraining();
  const stock = tf.getKernel('BatchMatMul', 'wasm');
  enableTraining();
  useKernel({ ...stock, kernelFunc: batchMatMul(stock.kernelFunc, () => undefined) });
}

function randomTensor(shape: number[], seed: number): tf.Tensor {
  return tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);
}

interface Matrices {
  readonly data: readonly number[];
  readonly shape: readonly number[];
}

const read = (tensor: tf.Tensor): Matrices => ({ data: values(tensor), shape: tensor.shape });

/** The definition, in float64, with the broadcasting of NumPy; `scale` is Σₖ |aₖ·bₖ|, what rounding goes by. */
function define(a: Matrices, b: Matrices, transposeA: boolean, transposeB: boolean) {
  const [rows, inner] = order(a.shape.slice(-2), transposeA);
  const [, columns] = order(b.shape.slice(-2), transposeB);
  const rank = Math.max(a.shape.length, b.shape.length) - 2;
  const pad = (shape: readonly number[]) => [...Array(rank + 2 - shape.length).fill(1), ...shape];
  const [outerA, outerB] = [pad(a.shape).slice(0, rank), pad(b.shape).slice(0, rank)];
  const outer = outerA.map((size, i) => (size === 1 ? outerB[i] : size));
  const at = (own: number[], position: number[]) =>
    own.reduce((index, size, i) => index * size + (size === 1 ? 0 : position[i]!), 0);
  const sums: number[] = [];
  const scales: number[] = [];
  for (let batch = 0; batch < outer.reduce((x, y) => x * y, 1); batch++) {
    const position = outer.map((size, i) => {
      const inside = outer.slice(i + 1).reduce((x, y) => x * y, 1);
      return Math.floor(batch / inside) % size;
    });
    const startA = at(outerA, position) * rows * inner;
    const startB = at(outerB, position) * inner * columns;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        let scale = 0;
        for (let k = 0; k < inner; k++) {
          const x = a.data[startA + (transposeA ? k * rows + i : i * inner + k)]!;
          const y = b.data[startB + (transposeB ? j * inner + k : k * columns + j)]!;
          sum += x * y;
          scale += Math.abs(x * y);
        }
        sums.push(sum);
        scales.push(scale);
      }
    }
  }
  return { shape: [...outer, rows, columns], sums, scales };
}

const order = ([x, y]: readonly number[], swap: boolean): [number, number] =>
  swap ? [y!, x!] : [x!, y!];

function expectProduct(a: tf.Tensor, b: tf.Tensor, transposeA = false, transposeB = false): void {
  const { shape, sums, scales } = define(read(a), read(b), transposeA, transposeB);
  const out = tf.matMul(a, b, transposeA, transposeB);
  expect(out.shape).toEqual(shape);
  const actual = values(out);
  out.dispose();
  const worst = actual.reduce((worst, value, i) => {
    const error = Math.abs(value - sums[i]!) / (scales[i]! + 1e-30);
    return Number.isNaN(error) ? Infinity : Math.max(worst, error);
  }, 0);
  expect(worst).toBeLessThan(1e-5);
}

const side = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 47, 48, 49, 64, 97);
const sides = fc.tuple(side, side, side);
const flags = fc.tuple(fc.boolean(), fc.boolean());
/** Leading axes of the result, and for each operand which of them it has, in full or as 1. */
const leading = fc
  .array(fc.constantFrom(1, 2, 3, 5), { maxLength: 3 })
  .chain((outer) =>
    fc.tuple(
      fc.constant(outer),
      fc.tuple(fc.nat(outer.length), fc.nat(outer.length)),
      fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 3, maxLength: 3 }),
    ),
  );

beforeAll(() => useBackend('wasm'));
beforeEach(() => enableTraining());
afterEach(disableTraining);

describe('a product equals its definition', () => {
  test('for random sides, leading axes that broadcast, and transposes', () => {
    fc.assert(
      fc.property(
        sides,
        flags,
        leading,
        fc.nat(),
        ([m, k, n], [ta, tb], [outer, cut, ones], seed) => {
          // Either operand may lack leading axes or have 1 for them.
          const own = (which: 0 | 1) =>
            outer.slice(cut[which]).map((size, i) => (ones[i]![which] ? 1 : size));
          tf.tidy(() => {
            const a = randomTensor([...own(0), ...order([m, k], ta)], seed);
            const b = randomTensor([...own(1), ...order([k, n], tb)], seed + 1);
            expectProduct(a, b, ta, tb);
          });
        },
      ),
      { numRuns: 400, seed: 1 },
    );
  });

  test.each([
    { module: 'our own module', ways: ['slow', 'packed'] as const },
    { module: 'tfjs alone', ways: ['slow', 'direct', 'swapped'] as const },
  ])(
    'by $module on either side of each point where another way becomes the cheapest',
    ({ ways }) => {
      const hasModule = ways.includes('packed' as never);
      const stock = tf.getKernel('BatchMatMul', 'wasm');
      if (!hasModule) useWithoutModule();
      const taken = { slow: 0, direct: 0, swapped: 0, packed: 0 };
      const way = (product: Product): keyof typeof taken => {
        const costs = [
          ...[slowCost(product), directCost(product), swappedCost(product)],
          hasModule ? packedCost(product, isRelaxed()) : Number.POSITIVE_INFINITY,
        ];
        return (['slow', 'direct', 'swapped', 'packed'] as const)[
          costs.indexOf(Math.min(...costs))
        ]!;
      };
      for (const [transposeA, transposeB] of [
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        for (const inner of [1, 7, 16, 64]) {
          for (const columns of [1, 6, 24, 80]) {
            const at = (rows: number): Product => ({
              ...{ batches: 2, rows, inner, columns, transposeA, transposeB },
              ...{ matricesA: 2, matricesB: 2 },
            });
            for (let rows = 1; rows < 128; rows++) {
              if (rows > 1 && way(at(rows)) === way(at(rows - 1))) continue;
              taken[way(at(rows))]++;
              for (const r of [Math.max(rows - 1, 1), rows]) {
                tf.tidy(() => {
                  const a = randomTensor([2, ...order([r, inner], transposeA)], r);
                  const b = randomTensor([2, ...order([inner, columns], transposeB)], inner);
                  expectProduct(a, b, transposeA, transposeB);
                });
              }
            }
          }
        }
      }
      for (const name of ways) expect(taken[name]).toBeGreaterThan(10);
      useKernel(stock);
    },
  );

  test('for sides that are multiples of 512, which are transposed in blocks', () => {
    for (const [shapeA, shapeB, ta, tb] of [
      [[512, 20], [512, 33], true, false],
      [[9, 12], [1024, 12], false, true],
      [[2, 512, 10], [2, 512, 11], true, false],
      [[3, 512], [512, 3], false, false],
    ] as const) {
      tf.tidy(() => {
        expectProduct(randomTensor([...shapeA], 1), randomTensor([...shapeB], 2), ta, tb);
      });
    }
  });

  test('for the products of attention, forward and backward', () => {
    tf.tidy(() => {
      const [q, dO] = [randomTensor([4, 4, 64, 16], 1), randomTensor([4, 4, 64, 16], 2)];
      const p = randomTensor([4, 4, 64, 64], 3);
      expectProduct(q, dO, false, true);
      expectProduct(p, q);
      expectProduct(p, dO, true, false);
    });
  });

  test('and equals the cpu backend, where that broadcasts right', async () => {
    const cases = fc.sample(
      fc.tuple(sides, flags, fc.constantFrom([], [1], [4], [2, 3]), fc.nat()),
      {
        numRuns: 120,
        seed: 2,
      },
    );
    const compute = () =>
      cases.map(([[m, k, n], [ta, tb], outer, seed]) =>
        tf.tidy(() => {
          const a = randomTensor([...outer, ...order([m, k], ta)], seed);
          const b = randomTensor(
            [...(seed % 3 === 0 ? [] : outer), ...order([k, n], tb)],
            seed + 1,
          );
          const scale = tf.matMul(tf.abs(a), tf.abs(b), ta, tb);
          return { product: values(tf.matMul(a, b, ta, tb)), scale: values(scale) };
        }),
      );
    const ours = compute();
    await useBackend('cpu');
    const cpu = compute();
    await useBackend('wasm');
    for (const [i, { product, scale }] of cpu.entries()) {
      product.forEach((value, j) => {
        expect(Math.abs(ours[i]!.product[j]! - value)).toBeLessThanOrEqual(1e-5 * scale[j]!);
      });
    }
  });

  test('where an axis is empty: nothing, or zeros for an empty inner axis', () => {
    tf.tidy(() => {
      // Fill the free memory, so that zeros have to be written.
      for (let i = 0; i < 4; i++) tf.dispose(tf.fill([6, 7], 5));
      for (const [shapeA, shapeB, ta, tb] of [
        [[6, 0], [0, 7], false, false],
        [[0, 6], [7, 0], true, true],
        [[2, 3, 0], [2, 0, 7], false, false],
        [[0, 3], [3, 4], false, false],
        [[3, 4], [4, 0], false, false],
        [[0, 3, 4], [4, 5], false, false],
      ] as const) {
        expectProduct(tf.zeros([...shapeA]), tf.zeros([...shapeB]), ta, tb);
      }
    });
  });
});

describe('what tfjs guarantees still holds', () => {
  test('a NaN reaches exactly the results that it is part of', () => {
    for (const [ta, tb, outer] of [
      [false, true, []],
      [true, false, [3]],
      [true, true, []],
    ] as const) {
      tf.tidy(() => {
        // The first element is in the first row and the first column.
        const marks = tf.concat([tf.tensor([Number.NaN]), tf.zeros([599])]);
        const left = tf.add(randomTensor([...outer, 20, 30], 1), tf.reshape(marks, [20, 30]));
        const right = randomTensor([...outer, ...order([ta ? 20 : 30, 40], tb)], 2);
        const rows = ta ? 30 : 20;
        const nans = values(tf.isNaN(tf.matMul(left, right, ta, tb)));
        expect(nans).toEqual(nans.map((_, i) => Number(Math.floor(i / 40) % rows === 0)));
      });
    }
  });

  test('an unfit product fails with the words of tfjs', () => {
    const inputs = () => [tf.zeros([2, 3]), tf.zeros([4, 5]), tf.zeros([2, 2], 'int32')] as const;
    const message = (index: number): string => {
      const [a, b, c] = inputs();
      try {
        tf.tidy(() => (index === 0 ? tf.matMul(a, b) : tf.matMul(c, c)));
      } catch (error) {
        return (error as Error).message;
      } finally {
        tf.dispose([a, b, c]);
      }
      return 'none';
    };
    const ours = [message(0), message(1)];
    disableTraining();
    expect(ours).toEqual([message(0), message(1)]);
    expect(ours[0]).toMatch(/inner shapes/);
  });

  test('the first and the later products of an operand are equal bit for bit', () => {
    for (const [m, k, n] of [
      [3, 300, 40],
      [64, 64, 64],
      [1, 50, 200],
    ] as const) {
      tf.tidy(() => {
        const [a, b] = [randomTensor([m, k], 1), randomTensor([k, n], 2)];
        const first = values(tf.matMul(a, b));
        expect(values(tf.matMul(a, b))).toEqual(first);
        if (isRelaxed()) return; // then equal up to rounding, as tested above
        expect(values(tf.matMul(a, tf.transpose(b), false, true))).toEqual(first);
        disableTraining();
        expect(values(tf.matMul(a, tf.mul(b, 1)))).toEqual(first);
        enableTraining();
      });
    }
  });
});
