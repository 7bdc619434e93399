/** The launcher, with workers that need no TensorFlow. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { built, launched, run } from '../test/worker.ts';

beforeAll(built);

test('every line has the worker that wrote it in front, and each has an address and its threads', async () => {
  const { code, output } = await launched('job.js', ['show'], {
    workers: 3,
    env: { TF_NUM_INTRAOP_THREADS: undefined },
  }).end;
  expect(code).toBe(0);
  const threads = Math.max(1, Math.floor(availableParallelism() / 3));
  const lines = [0, 1, 2].flatMap((i) => [
    `[${i}] threads ${threads}`,
    `[${i}] no newline at the end`,
    `[${i}] 3 addresses, 3 of their own`,
  ]);
  expect(output.trim().split('\n').toSorted()).toEqual(lines.toSorted());
});

test('one fails: all end, with its code', async () => {
  const { code, output } = await launched('job.js', ['fail'], { workers: 3, seconds: 30 }).end;
  expect(code).toBe(7);
  expect(output).toContain('[launcher] worker 1 failed with exit code 7; ending the others');
});

test('all are started again, as often as asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'launch-'));
  try {
    const options = ['--restarts', '2'];
    const { code, output } = await launched('job.js', ['once', join(folder, 'a')], {
      options,
      seconds: 30,
    }).end;
    expect(code, output).toBe(0);
    expect(output).toContain('worker 1 was ended by SIGKILL; ending the others');
    expect(output.match(/starting all workers again, 1 of 2/g)).toHaveLength(1);
    for (const rank of [0, 1]) expect(output).toContain(`[${rank}] second run`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a signal reaches all workers, and no restart follows', async () => {
  const running = launched('job.js', ['wait'], { options: ['--restarts', '1'], seconds: 30 });
  await running.until(/waiting[\s\S]*waiting/);
  running.child.kill('SIGTERM');
  const { code, output } = await running.end;
  expect(code).toBe(143);
  expect(output.match(/asked to end/g)).toHaveLength(2);
  expect(output).not.toContain('again');
});

test('workers that do not heed a signal are ended', async () => {
  const running = launched('job.js', ['deaf'], { seconds: 30 });
  const { code, output } = await running.end;
  expect(code).toBe(1);
  expect(output).toContain('[0] no');
});

test('a second signal ends all at once', async () => {
  const running = launched('job.js', ['deaf'], { workers: 1, seconds: 30 });
  await running.until(/waiting/);
  running.child.kill('SIGTERM');
  await running.until(/no/);
  running.child.kill('SIGTERM');
  expect((await running.end).code).toBe(143);
});

test.each([
  [[], 0, /^npx @tfjs-lrm\/distributed run/],
  [['run', '--help'], 0, /--workers N/],
  [['start'], 2, /unknown command start/],
  [['run', 'x.js'], 2, /--workers must be a whole number >= 1. Received none/],
  [['run', '--workers', '0', 'x.js'], 2, /Received 0/],
  [['run', '--workers=2', 'nowhere.js'], 2, /the script must be a file. Received nowhere.js/],
  [['run', '--worker', '2', 'x.js'], 2, /Unknown option '--worker'/],
])('the command line %j', async (args, code, output) => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const ended = await run([main, ...args]).end;
  expect(ended.output).toMatch(output);
  expect(ended.code).toBe(code);
});
