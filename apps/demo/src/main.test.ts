import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../dist/main.js');
/** A model that trains in an instant. */
const SMALL = '--width 8 --heads 2 --mlp 8 --blocks 1 --context 8 --batch 2 --backend cpu'.split(
  ' ',
);
const demo = (...args: string[]) => spawnSync('node', [main, ...args], { encoding: 'utf8' });

describe('the demo', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'demo-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('trains six runs, draws the table and keeps every step', () => {
    const out = join(folder, 'run');
    const { status, stdout, stderr } = demo(...SMALL, '--steps', '12', '--out', out);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout.match(/step +12\/12/g)).toHaveLength(6);
    expect(stdout).toMatch(/run +validation loss +perplexity +parameters +ms\/step/);
    expect(stdout.match(/ writes:/g)).toHaveLength(6);
    const lines = readFileSync(join(out, 'metrics.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(6 * 12);
    for (const name of new Set(lines.map(({ run }) => run))) {
      const run = lines.filter((line) => line.run === name);
      expect(run.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      // The first loss is that of an untrained model over 83 characters.
      expect(run[0]['train/loss']).toBeGreaterThan(4);
      expect(run[0]['train/loss']).toBeLessThan(5.5);
      expect(run.at(-1)['validation/loss']).toBeLessThan(run[0]['train/loss']);
    }
    // The same seed gives the same first loss with and without multipliers, which start as the identity.
    const first = lines.filter(({ step }) => step === 1).map((line) => line['train/loss']);
    expect(new Set(first).size).toBe(1);

    const file = join(folder, 'losses.svg');
    expect(demo('figure', '--run', out, '--out', file).status).toBe(0);
    const svg = readFileSync(file, 'utf8');
    for (const name of new Set(lines.map(({ run }) => run)))
      expect(svg).toContain(`>${name}</text>`);
    expect(svg.match(/class="line"/g)).toHaveLength(2 * 6); // drawn, and in the legend
    expect(svg).not.toMatch(/NaN|undefined|<script|href/);
  });

  it('draws no figure of what is not there or not finished', () => {
    const nowhere = demo('figure', '--run', join(folder, 'no'), '--out', join(folder, 'a.svg'));
    expect(nowhere.stderr).toMatch(/^demo: .*no holds no runs of this demo: .*\n$/);
    expect(nowhere.status).toBe(2);
    const out = join(folder, 'run');
    expect(demo(...SMALL, '--steps', '2', '--decay', '1', '--out', out).status).toBe(0);
    const log = join(out, 'metrics.ndjson');
    writeFileSync(log, readFileSync(log, 'utf8').trimEnd().split('\n').slice(0, -1).join('\n'));
    const open = demo('figure', '--run', out, '--out', join(folder, 'a.svg'));
    expect(open.stderr).toMatch(/^demo: the run "Muon, decay 1, .*" in .* is not finished/);
    expect(existsSync(join(folder, 'a.svg'))).toBe(false);
  });

  it.each([
    [
      ['--preset', 'huge'],
      'demo: --preset must be one of nano, tiny, small, hybrid. Received "huge". Try --help.\n',
    ],
    [
      ['--steps', '1.5'],
      'demo: --steps must be a whole number >= 1. Received "1.5". Try --help.\n',
    ],
    [['--seed', '-1'], 'demo: --seed must be a whole number >= 0. Received "-1". Try --help.\n'],
    [
      ['--backend', 'metal'],
      'demo: --backend must be one of tensorflow, wasm, cpu. Received "metal". Try --help.\n',
    ],
    [
      ['--backend', 'wasm', '--compile', 'xla'],
      'demo: --compile xla needs the backend tensorflow, and this is wasm. Try --compile auto.\n',
    ],
    [['--stepz', '3'], 'demo: there is no option --stepz. Did you mean --steps? Try --help.\n'],
    [['--steps'], 'demo: --steps needs a value, N. Try --help.\n'],
    [['trian'], 'demo: there is no command "trian". Did you mean "train"? Try --help.\n'],
    [['--json', 'x'], 'demo: "x" stands alone: every option begins with --. Try --help.\n'],
  ])('tells a mistake in one line: %j', (args, message) => {
    const { status, stderr } = demo(...args, '--out', join(folder, 'never'));
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });

  it('explains itself', () => {
    const { status, stdout } = demo('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('--preset nano|tiny|small|hybrid');
  });
});
