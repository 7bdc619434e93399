import { expect, it } from 'vitest';
import { related } from './measure.ts';
import { WORK } from './peaks.ts';
import { section } from './table.ts';

// A step with twice the work of both peaks.
const total = { calls: 3, flop: 2 * WORK.product, bytes: 2 * WORK.sum };
const times = new Map([
  ['native product', [10, 20, 10]],
  ['native sum', [5, 10, 5]],
  ['tensorflow, compiled as a graph', [60, 120, 66]],
  ['tensorflow, compiled as a graph, with multipliers', [66, 132, 66]],
  ['PyTorch, eager', [120, 240, 132]],
]);

it('relates each round to the floor of that round', () => {
  const { floors, rows } = related(total, times);
  expect(floors.native).toMatchObject({ products: 20, memory: 10 });
  const graph = rows.find(({ path }) => path.includes('graph'));
  expect(graph?.ofFloor).toEqual({ median: 2, min: 2, max: 2.2 });
  expect(graph?.ofProducts.median).toBe(3);
  expect(graph?.ofPyTorch).toEqual({ median: 0.5, min: 0.5, max: 0.5 });
  expect(graph?.multipliers?.median).toBe(1.1);
});

it('leaves out what was not measured', () => {
  const { floors, rows } = related(total, new Map([...times].slice(0, 3)));
  expect(floors.wasm).toBeUndefined();
  expect(rows.map(({ path }) => path)).toEqual(['tensorflow, compiled as a graph']);
  expect(rows[0]).toMatchObject({ ofPyTorch: null, multipliers: null });
});

it('writes a row for each path', () => {
  const amounts = new Map([['MatMul', total]]);
  const text = section({ model: 'tiny', amounts, ...related(total, times) });
  expect(text).toContain(
    '| tensorflow, compiled as a graph | 66 | 2.00 | 3.00 | 0.50 | 1.10 (1.00–1.10) |',
  );
});
