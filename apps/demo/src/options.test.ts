/** What flags do to a whole run: the log for TensorBoard, and µP. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLinked } from '@tfjs-lrm/native/linked';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readEvents } from '../../../packages/diagnostics/test/read-events.ts';

const main = join(import.meta.dirname, '../dist/main.js');
const SMALL =
  '--heads 4 --mlp 16 --blocks 1 --context 8 --batch 2 --backend cpu --optimizer adamw --decay 1'.split(
    ' ',
  );
const demo = (...args: string[]) => spawnSync('node', [main, ...args], { encoding: 'utf8' });

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-options-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Line = Readonly<Record<string, number>> & { readonly run: string };

const linesOf = (out: string): Line[] =>
  readFileSync(join(out, 'metrics.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

it.runIf(isLinked())('TensorBoard gets the numbers of metrics.ndjson, a folder a run', () => {
  const [out, board] = [join(folder, 'run'), join(folder, 'board')];
  const args = [...SMALL, '--width', '16', '--steps', '12', '--out', out, '--tensorboard', board];
  const { status, stdout, stderr } = demo(...args);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toContain(`for TensorBoard: ${join(board, 'run')}`);
  const lines = linesOf(out);
  const runs = new Set(lines.map(({ run }) => run));
  expect(runs.size).toBe(2);
  for (const run of runs) {
    const own = join(board, 'run', run.replaceAll(/[^\p{L}\p{N}.]+/gu, '-'));
    const [file] = readdirSync(own);
    const events = readEvents(readFileSync(join(own, file as string)));
    const expected = lines
      .filter((line) => line.run === run)
      .flatMap(({ run: _, step, ...numbers }) =>
        Object.entries(numbers).map(([name, value]) => ({ name, step, value: Math.fround(value) })),
      );
    expect(events).toEqual(expected);
  }
});

it('µP from the width itself changes nothing; from a narrower one, the head starts smaller', () => {
  const run = (name: string, ...args: string[]): Line[] => {
    const out = join(folder, name);
    const plain = ['--multipliers', 'off', '--steps', '10', '--out', out];
    const { status, stderr, stdout } = demo(...SMALL, ...plain, ...args);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.includes('µP from width')).toBe(args.includes('--mup'));
    return linesOf(out);
  };
  const plain = run('plain', '--width', '32');
  expect(run('same', '--width', '32', '--mup', '32')).toEqual(plain);
  const wide = run('wide', '--width', '32', '--mup', '8');
  const headOf = (lines: readonly Line[]): number =>
    lines.find(({ step }) => step === 10)?.['scale/head'] as number;
  // 1/√8 of the base model over the four times as many inputs, in the place of 1/√32
  expect(headOf(wide) / headOf(plain)).toBeCloseTo(0.5, 1);
});

it('a µP base that has no whole heads is refused', () => {
  const out = join(folder, 'never');
  const { status, stderr } = demo(...SMALL, '--width', '32', '--mup', '12', '--out', out);
  expect(stderr).toBe(
    'demo: --mup must be a multiple of the size of a head, which is --width 32 / --heads 4. Received 12. Try --mup 16.\n',
  );
  expect(status).toBe(2);
  expect(existsSync(out)).toBe(false);
});
