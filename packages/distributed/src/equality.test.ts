/** Several workers against one that has the whole batch. */
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe, expect, test } from 'vitest';
import { built, jsonOf, launched } from '../test/worker.ts';

interface Result {
  readonly recipe: string;
  readonly compiled: boolean;
  readonly loss: number;
  readonly weights: number;
  readonly different: number;
}

// npm run test:equality: more workers, more steps.
const [workers, steps] = (process.env['TFJS_LRM_EQUALITY'] ?? '2,4').split(',').map(Number) as [
  number,
  number,
];

describe.skipIf(!isLinked())('on tensorflow', () => {
  beforeAll(built);

  test(`${workers} workers are one, and hold the same weights after each of ${steps} steps`, async () => {
    const ended = await launched('equality.js', [String(steps)], { workers, seconds: 900 }).end;
    expect(ended.code, ended.output).toBe(0);
    const results = jsonOf<Result>(ended);
    expect(results.length).toBe(22);
    for (const { recipe, compiled, loss, weights, different } of results) {
      const which = `${recipe}, ${compiled ? 'compiled' : 'operation by operation'}`;
      expect(different, which).toBe(0);
      expect(loss, which).toBeLessThan(1e-6);
      expect(weights, which).toBeLessThan(1e-6);
    }
  }, 1_000_000);
});
