import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Cell, idOf, readSettings } from './experiment.ts';
import { CellStore } from './run-cells.ts';
import * as scale from './scale.ts';
import type { ScaledSettings } from './scaled-optimizer.ts';

const main = join(import.meta.dirname, '../../dist/main.js');
const MACHINE = { backend: 'wasm', compile: 'off' } as const;

const cellsOf = (isQuick: boolean): Cell[] =>
  scale
    .plans(readSettings<ScaledSettings>('scale', isQuick))
    .map((plan) => ({ ...plan, ...MACHINE }));

describe('demo paper', () => {
  let out = '';
  beforeEach(() => {
    out = mkdtempSync(join(tmpdir(), 'paper-'));
  });
  afterEach(() => rmSync(out, { recursive: true, force: true }));

  it('trains no cell again that is done, judges and draws', () => {
    const cells = cellsOf(true);
    const store = new CellStore(join(out, 'cells'));
    for (const cell of cells)
      store.put({ cell, measured: { loss: 2, gain: 1, logits: 1, againstBrownian: 1 } });
    const args = [main, 'paper', 'scale', '--quick', '--backend', 'wasm', '--out', out];
    const { status, stdout, stderr } = spawnSync('node', args, { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('9/9 runs\n');
    expect(stdout).toMatch(/scale +not seen at this size \(quick: too short.*\) +9/);
    expect(readdirSync(join(out, 'cells'))).toHaveLength(cells.length);
    const page = readFileSync(join(out, 'paper.html'), 'utf8');
    expect(page.match(/<figure>/g)).toHaveLength(4);
    expect(page).not.toMatch(/NaN|undefined|<script/);
  });

  it('a cell with another setting is another cell', () => {
    const [cell] = cellsOf(false);
    const other = { ...cell!, settings: { ...cell!.settings, decay: 0.4 } };
    const store = new CellStore(join(out, 'cells'));
    store.put({ cell: cell!, measured: { loss: 2 } });
    expect(idOf(other)).not.toBe(idOf(cell!));
    expect(store.get(cell!)?.measured).toEqual({ loss: 2 });
    expect(store.get(other)).toBeNull();
  });

  it('refuses an experiment that there is none of in one line', () => {
    const { status, stderr } = spawnSync('node', [main, 'paper', 'scales'], { encoding: 'utf8' });
    expect(stderr).toBe(
      'demo: there is no experiment "scales". Did you mean "scale"? Try --help.\n',
    );
    expect(status).toBe(2);
  });
});
