/** Workers that are killed and stopped in the middle of a run. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isLinked } from '@tfjs-lrm/native/linked';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { built, type Ended, jsonOf, launched } from '../test/worker.ts';

interface Result {
  readonly loss: number;
  readonly digest: string;
}

const TIMEOUT = 2;
/** The check who is there, and a busy machine. */
const SLACK = 6;

const resultOf = (ended: Ended): Result => jsonOf<Result>(ended)[0] as Result;

describe.skipIf(!isLinked())('on tensorflow', () => {
  const folders: string[] = [];
  let whole: Result;

  function train(fault: string, kind = ''): Promise<Ended> {
    const folder = mkdtempSync(join(tmpdir(), 'faults-'));
    folders.push(folder);
    const env = { FAULT: fault, TIMEOUT: String(fault === '' ? 60 : TIMEOUT) };
    const options = ['--restarts', '2'];
    return launched('train.js', [folder, '18', kind], { workers: 3, options, env }).end;
  }

  beforeAll(async () => {
    await built();
    const ended = await train('');
    expect(ended.code, ended.output).toBe(0);
    whole = resultOf(ended);
  }, 200_000);

  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  test.each([
    ['SIGKILL', 1, 'compiled'],
    ['SIGSTOP', 0, ''],
  ])(
    '%s of worker %d: the others say so in time, and the run ends as if nothing had been',
    async (signal, victim, kind) => {
      const ended = await train(`${signal}:${victim}:12`, kind);
      expect(ended.code, ended.output).toBe(0);
      // Compiled, the steps that are recorded run operation by operation: other ones after a restart.
      if (kind === '') expect(resultOf(ended).digest).toBe(whole.digest);
      expect(Math.abs(resultOf(ended).loss - whole.loss)).toBeLessThan(1e-6);
      expect(ended.output).toContain('[2] from step 10');
      const at = Number(/fault (\d+)/.exec(ended.output)?.[1]);
      const left = [...ended.output.matchAll(/\[(\d)\] left after (\d+): (.*)/g)];
      // One that the launcher ended before its time was up says nothing. None crashes.
      expect(left.length, ended.output).toBeGreaterThan(0);
      const signals = [...ended.output.matchAll(/worker (\d) was ended by (\w+)/g)];
      expect(signals.filter(([, rank]) => Number(rank) !== victim)).toEqual([]);
      for (const [, , time, message] of left) {
        expect((Number(time) - at) / 1000).toBeLessThan(TIMEOUT + SLACK);
        expect(message).toMatch(new RegExp(`no answer from .*worker ${victim} `));
      }
    },
    200_000,
  );
});
