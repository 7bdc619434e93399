import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sweep, withScratch } from './scratch.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'scratch '));
});
afterEach(() => rmSync(parent, { recursive: true }));

/** The id of a process that has ended. */
const endedProcess = (): number => spawnSync(process.execPath, ['--version']).pid;

it('the folder is gone after the work, and after work that throws', () => {
  const folder = withScratch(parent, (scratch) => {
    writeFileSync(join(scratch, 'file'), '');
    return scratch;
  });
  expect(existsSync(folder)).toBe(false);
  expect(() =>
    withScratch(parent, () => {
      throw new Error('broken');
    }),
  ).toThrow('broken');
  expect(readdirSync(parent)).toEqual([]);
});

it('what killed runs have left is swept; what is not theirs and what runs is not', () => {
  mkdirSync(join(parent, `.tfjs-lrm-${endedProcess()}`));
  for (const name of [`.tfjs-lrm-${process.ppid}`, '.tfjs-lrm-notes', 'tfjs_binding.node'])
    mkdirSync(join(parent, name));
  sweep(parent);
  expect(readdirSync(parent).sort()).toEqual(
    [`.tfjs-lrm-${process.ppid}`, '.tfjs-lrm-notes', 'tfjs_binding.node'].sort(),
  );
});
