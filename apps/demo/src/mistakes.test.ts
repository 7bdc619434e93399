import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = join(import.meta.dirname, '../dist/main.js');
const RUN =
  '--width 8 --heads 2 --mlp 8 --blocks 1 --context 8 --batch 2 --backend cpu --steps 12 --checkpoint-every 4 --multipliers on --decay 8 --optimizer adamw'.split(
    ' ',
  );
const demo = (...args: string[]) => spawnSync('node', [main, ...args], { encoding: 'utf8' });

let folder = '';
const at = (name: string): string => join(folder, name);
const tell = (args: readonly string[]): string => {
  const { status, stderr } = demo(...args);
  expect(status).toBe(2);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  return stderr.trimEnd().replaceAll(folder, '');
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-mistakes-'));
  writeFileSync(at('empty.txt'), '');
  writeFileSync(at('short.txt'), 'Call me Ishmael.');
  writeFileSync(at('bytes.txt'), Buffer.from([0x61, 0x62, 0xff, 0xfe]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a text that cannot be learned is told in one line', () => {
  it.each([
    ['missing.txt', 'demo: --text /missing.txt cannot be read: there is no such file.'],
    ['', 'demo: --text  cannot be read: it is a folder.'],
    ['empty.txt', 'demo: --text /empty.txt is empty. Give a file with text in it.'],
    [
      'bytes.txt',
      'demo: --text /bytes.txt is not UTF-8 text: byte 2 is 0xff. Convert it, as with iconv -t utf-8.',
    ],
    [
      'short.txt',
      'demo: the text is too short for --context 64: it has 16 characters and needs 650, since its last tenth is kept for validation. Give a longer text or a --context of at most 1.',
    ],
  ])('%s', (name, message) => {
    expect(tell(['--text', at(name), '--out', at('never')])).toBe(message);
    expect(existsSync(at('never'))).toBe(false);
  });
});

describe('a run that cannot go on is told in one line, and nothing is lost', () => {
  beforeAll(() => {
    expect(demo(...RUN, '--out', at('run')).status).toBe(0);
  }, 120_000);
  const newest = (): string => readdirSync(at('run/checkpoints')).sort().at(-1) as string;

  it('an output folder that exists', () => {
    const before = readFileSync(at('run/metrics.ndjson'), 'utf8');
    expect(tell([...RUN, '--out', at('run')])).toBe(
      'demo: --out /run exists already, and nothing in it is overwritten. Give the name of a new folder, or go on with --resume /run.',
    );
    expect(readFileSync(at('run/metrics.ndjson'), 'utf8')).toBe(before);
  });

  it('a folder without a run', () => {
    mkdirSync(at('other'));
    expect(tell(['--resume', at('other')])).toMatch(/there is no settings\.json/);
  });

  it('settings beside --resume', () => {
    expect(tell(['--resume', at('run'), '--width', '16'])).toMatch(
      /^demo: --width does not go with --resume/,
    );
  });

  it('a checkpoint that was cut off: the one before serves', () => {
    const before = readFileSync(at('run/metrics.ndjson'), 'utf8');
    truncateSync(join(at('run/checkpoints'), newest()), 1000);
    const { status, stderr } = demo('--resume', at('run'));
    expect(stderr).toMatch(/is cut off or altered: going on from the one before\.\n$/);
    expect(status).toBe(0);
    expect(readFileSync(at('run/metrics.ndjson'), 'utf8')).toBe(before);
  });

  it('a checkpoint of another model, another version, or none that is whole', () => {
    const settings = readFileSync(at('run/settings.json'), 'utf8');
    writeFileSync(at('run/settings.json'), settings.replace('"width": 8', '"width": 16'));
    expect(tell(['--resume', at('run')])).toMatch(
      /its checkpoint is of another model or another run/,
    );
    writeFileSync(at('run/settings.json'), settings.replace('"version": 1', '"version": 0'));
    expect(tell(['--resume', at('run')])).toMatch(/made by another version of this demo/);
    writeFileSync(at('run/settings.json'), settings);
    for (const name of readdirSync(at('run/checkpoints')))
      truncateSync(join(at('run/checkpoints'), name), 500);
    expect(tell(['--resume', at('run')])).toMatch(/^demo: no checkpoint in \/run is whole/);
  });
});

it('a loss that is not finite stops with where and what to try, and keeps the last good checkpoint', () => {
  const { status, stderr } = demo(
    ...RUN,
    '--learning-rate',
    '1e30',
    '--clip',
    '0',
    '--warmup',
    '0',
    '--out',
    at('nan'),
  );
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^demo: the run "decay 8, with multipliers" failed: .*not finite|loss of step/,
  );
  expect(stderr).toMatch(/Try a new run with a lower --learning-rate/);
});

it('text that could break a page or a terminal goes through training and report', () => {
  const nasty = 'a</script><b onload="x">🐋🧑‍🚀 שלום مرحبا\u0000\u001b[31m\n';
  writeFileSync(at('nasty.txt'), nasty.repeat(60));
  const { status, stdout, stderr } = demo(...RUN, '--text', at('nasty.txt'), '--out', at('nasty'));
  expect(stderr).toBe('');
  expect(status).toBe(0);
  for (const control of ['\u0000', '\u001b']) expect(stdout).not.toContain(control);
  const report = readFileSync(at('nasty/report.html'), 'utf8');
  for (const raw of ['<script', 'onload="', '\u0000']) expect(report).not.toContain(raw);
  // Every tag is one of the page's own.
  expect(report.match(/<\/?b[ >]/g)).toBeNull();
});

/** The demo in a shell, its last exit code as that of the shell. */
const inShell = (script: string) => spawnSync('bash', ['-c', script], { encoding: 'utf8' });
const command = (out: string, steps: number): string =>
  ['node', main, ...RUN, '--steps', steps, '--out', out].map((word) => `'${word}'`).join(' ');

it('a reader that goes away ends the run with a checkpoint and without a trace', () => {
  const { stderr } = inShell(`${command(at('unread'), 100_000)} | head -1`);
  expect(stderr).not.toMatch(/EPIPE|at .*\.js/);
  expect(readdirSync(join(at('unread'), 'checkpoints')).length).toBeGreaterThan(0);
});

it('a disk that is full is told in one line, and a checkpoint is kept', () => {
  // The shell lets files grow to 60 kB, which the log passes.
  const { status, stderr } = inShell(`ulimit -f 60; ${command(at('full'), 100_000)} > /dev/null`);
  expect(status).toBe(2);
  expect(stderr).toMatch(/^demo: .*(larger than allowed|no room).*\n$/);
  expect(readdirSync(join(at('full'), 'checkpoints')).length).toBeGreaterThan(0);
});
