import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Cell, cellsIn } from './cells.ts';

const CELL: Cell = {
  ...{ backend: 'wasm', parametrization: 'µP', width: 128, base: 64, rate: 2 ** -5.5, seed: 0 },
  ...{ steps: 8, batch: 64, schedule: 'linear', head: 'random' },
};
const LOSSES = { training: 0.1 + 0.2, validation: 1e-7 };

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cells-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a file gives back what was put, to the bit, for that cell alone', () => {
  const file = join(folder, 'cells');
  cellsIn(file).put(CELL, LOSSES);
  const cells = cellsIn(file);
  expect(cells.get(Object.fromEntries(Object.entries(CELL).reverse()) as unknown as Cell)).toEqual(
    LOSSES,
  );
  for (const change of [{ rate: 2 ** -5 }, { steps: 9 }, { backend: 'cpu' }, { base: 32 }])
    expect(cells.get({ ...CELL, ...change })).toBeUndefined();
});

test('runs that diverged stay NaN', () => {
  const file = join(folder, 'cells');
  cellsIn(file).put(CELL, { training: Number.NaN, validation: Number.NaN });
  expect(cellsIn(file).get(CELL)).toEqual({ training: Number.NaN, validation: Number.NaN });
});

test('a line that was cut off is forgotten, and does not spoil the next one', () => {
  const file = join(folder, 'cells');
  cellsIn(file).put(CELL, LOSSES);
  appendFileSync(file, '{"cell":{"backend":"wa');
  const other = { ...CELL, seed: 1 };
  cellsIn(file).put(other, LOSSES);
  const cells = cellsIn(file);
  expect([cells.get(CELL), cells.get(other)]).toEqual([LOSSES, LOSSES]);
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(3);
});
