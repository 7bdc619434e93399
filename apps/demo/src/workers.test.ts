/** Runs that several processes share. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLinked } from '@tfjs-lrm/native/linked';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../dist/main.js');
const SMALL =
  '--width 8 --heads 2 --mlp 8 --blocks 1 --context 8 --batch 4 --compile off --multipliers on --decay 8 --optimizer adamw'.split(
    ' ',
  );
const demo = (...args: string[]) => spawnSync('node', [main, ...args], { encoding: 'utf8' });

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-workers-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const losses = (out: string): number[] =>
  readFileSync(join(out, 'metrics.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line)['train/loss']);

it.each([[['--backend', 'cpu', '--workers', '2'], '--workers 2 needs the backend tensorflow']])(
  'refuses %j',
  (args, message) => {
    const { status, stderr } = demo(...args, '--out', join(folder, 'never'));
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  },
);

describe.skipIf(!isLinked())('on tensorflow', () => {
  it.each([
    [['--workers', '3', '--batch', '16'], '--batch must be a multiple of --workers'],
    [['--workers', '2', '--compile', 'xla'], '--workers does not go with --compile xla'],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = demo(...args, '--out', join(folder, 'never'));
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  it('two processes have the losses of one, also when they are stopped and go on', async () => {
    const [alone, shared] = [join(folder, 'alone'), join(folder, 'shared')];
    const args = [...SMALL, '--backend', 'tensorflow', '--steps', '40'];
    expect(demo(...args, '--out', alone).status).toBe(0);
    const child = spawn('node', [main, ...args, '--workers', '2', '--out', shared]);
    let isAsked = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      // The first report of its progress. A second signal would end it at once.
      if (isAsked || !/step/.test(text.replace(/characters a step/, ''))) return;
      isAsked = true;
      child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(130);
    const before = losses(shared);
    expect(before.length).toBeLessThan(40);
    const resumed = demo('--resume', shared);
    expect(resumed.stderr).toBe('');
    expect(resumed.status).toBe(0);
    const [one, two] = [losses(alone), losses(shared)];
    expect(two).toHaveLength(40);
    expect(two.slice(0, before.length)).toEqual(before);
    for (const [i, loss] of two.entries())
      expect(Math.abs(loss - (one[i] as number))).toBeLessThan(1e-4);
  }, 200_000);
});
