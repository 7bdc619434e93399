/** Deadlines of calls, in one process: when its collectives are aborted, and when not. */
import { fileURLToPath } from 'node:url';
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe, expect, test } from 'vitest';
import { built, run } from '../test/worker.ts';

interface Told {
  readonly function: number[][];
  readonly passed: string;
  readonly seconds: number;
  readonly later: string;
  readonly twice: string;
}

describe.skipIf(!isLinked())('on tensorflow', () => {
  let told: Told;

  beforeAll(async () => {
    await built();
    const script = fileURLToPath(new URL('../test/deadlines.js', import.meta.url));
    const ended = await run([script]).end;
    expect(ended.code, ended.output).toBe(0);
    told = JSON.parse(ended.output.slice(ended.output.indexOf('{"'))) as Told;
  }, 200_000);

  test('a call that waits for others ends with an error, and says how long it waited', () => {
    expect(told.passed).toContain('the call "first" has not ended within 0.3 s.');
    expect(told.seconds).toBeGreaterThanOrEqual(0.3);
  });

  test('deadlines that were ended, set anew, or left by a call that failed abort nothing', () => {
    expect(told.passed).not.toContain('early');
  });

  test('after one that has passed, every later call says which', () => {
    expect(told.later).toContain('the call "first" has not ended within 0.3 s.');
  });

  test('in a function, the tensor is passed on', () => {
    expect(told.function).toEqual([0, 1, 2, 3].map((i) => [i + 1, 3]));
  });

  test('a process has one server', () => {
    expect(told.twice).toContain('startCollectives: this process has started them already.');
  });
});
