import fc from 'fast-check';
import { expect, test } from 'vitest';
import { directCost, type Product, slowCost, swappedCost } from './product-cost.ts';

const product = (changes: Partial<Product>): Product => ({
  batches: 1,
  rows: 64,
  inner: 64,
  columns: 64,
  transposeA: false,
  transposeB: false,
  matricesA: 1,
  matricesB: 1,
  ...changes,
});

test('swapping a swapped product costs the product and two transposes of the result', () => {
  fc.assert(
    fc.property(
      fc.record({
        rows: fc.integer({ min: 1, max: 500 }),
        inner: fc.integer({ min: 1, max: 500 }),
        columns: fc.integer({ min: 1, max: 500 }),
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
      }),
      (changes) => {
        const p = product(changes);
        const swapped = product({
          ...changes,
          rows: p.columns,
          columns: p.rows,
          transposeA: !p.transposeB,
          transposeB: !p.transposeA,
        });
        const transposes = swappedCost(p) - directCost(swapped);
        expect(transposes).toBeGreaterThan(0);
        expect(swappedCost(swapped) - directCost(p)).toBeCloseTo(transposes, 3);
      },
    ),
    { seed: 1 },
  );
});

test('tiny products are left alone, large ones are not', () => {
  const tiny = product({ rows: 4, inner: 4, columns: 4, transposeB: true });
  expect(slowCost(tiny)).toBeLessThan(Math.min(directCost(tiny), swappedCost(tiny)));
  const large = product({ transposeB: true });
  expect(slowCost(large)).toBeGreaterThan(3 * directCost(large));
});

test('the smaller operand is the one to pack', () => {
  const fewRows = product({ rows: 8, columns: 1000, transposeB: true });
  expect(swappedCost(fewRows)).toBeLessThan(directCost(fewRows));
  const fewColumns = product({ rows: 1000, columns: 8, transposeB: true });
  expect(directCost(fewColumns)).toBeLessThan(swappedCost(fewColumns));
});

test('an operand that serves the whole batch is packed and transposed once', () => {
  const own = product({ batches: 10, matricesA: 10, matricesB: 10, transposeB: true });
  const shared = product({ batches: 10, matricesA: 10, transposeB: true });
  expect(directCost(shared)).toBeLessThan(0.75 * directCost(own));
});
