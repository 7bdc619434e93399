import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bestBackend, compileFor } from '../backend.ts';
import type { Cell } from './experiment.ts';
import * as scale from './scale.ts';

const runCellsModule = join(import.meta.dirname, '../../dist/paper/run-cells.js');

/** The lines and two factors of `scale`, in runs of a second. */
function cells(): Cell[] {
  const backend = bestBackend();
  const preset = { width: 16, blocks: 1, heads: 2, mlp: 16, context: 16, batch: 2, steps: 60 };
  return scale
    .plans({
      ...{ chosen: '', rule: {}, quick: {}, seconds: 1 },
      ...{ preset, learningRate: 0.004, decay: 0.5, multiplierDecay: 0.002, validationBatches: 2 },
      ...{ factors: [1, 4], seeds: [1] },
    })
    .map((plan) => ({ ...plan, backend, compile: compileFor('auto', backend) }));
}

let out = '';
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'paper-'));
});
afterEach(() => rmSync(out, { recursive: true, force: true }));

/** Trains the cells into a folder in a process of its own, and kills it once `kill` of them are done. */
async function train(folder: string, kill = Number.POSITIVE_INFINITY): Promise<void> {
  const jobs = cells().map((cell) => ({ cell, seconds: 1, isAlone: false }));
  const code = `import { CellStore, runCells } from ${JSON.stringify(runCellsModule)};
await runCells(${JSON.stringify(jobs)}, new CellStore(${JSON.stringify(folder)}), ({ done }) => console.log(done));
process.exit(0);`;
  const program = join(out, 'program.mjs');
  writeFileSync(program, code);
  const child = spawn('node', [program]);
  const exit = once(child, 'exit');
  child.stdout.on('data', (chunk: Buffer) => {
    if (Number(chunk.toString().trim().split('\n').at(-1)) >= kill) child.kill('SIGKILL');
  });
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  const [status, signal] = (await exit) as [number | null, string | null];
  if (kill === Number.POSITIVE_INFINITY) expect([status, errors.join('')]).toEqual([0, '']);
  else expect(signal).toBe('SIGKILL');
}

const contents = (folder: string): Map<string, string> =>
  new Map(
    readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
  );

it('killed in the middle and started again, it ends with the numbers of an uninterrupted run, bit for bit', async () => {
  const [whole, broken] = [join(out, 'whole'), join(out, 'broken')];
  await train(whole);
  await train(broken, 2);
  const kept = contents(broken);
  expect(kept.size).toBeGreaterThanOrEqual(2);
  expect(kept.size).toBeLessThan(cells().length);
  await train(broken);
  expect(contents(broken)).toEqual(contents(whole));
}, 120_000);
