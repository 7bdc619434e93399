/** Data sets of which the last batch is smaller than there are workers, with metrics over all of them. */
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe, expect, test } from 'vitest';
import { expectClose } from '../../../test/tensors.ts';
import { built, jsonOf, launched } from '../test/worker.ts';

type Logs = Record<string, number[]>;
interface Result {
  readonly history: Logs;
  readonly alone: Logs;
  readonly evaluated: Record<string, number>;
  readonly reference: Record<string, number>;
}

describe.skipIf(!isLinked())('on tensorflow', () => {
  beforeAll(built);

  test('three workers fit, validate and evaluate as one does, and all see the same numbers', async () => {
    const ended = await launched('data.js', [], { workers: 3 }).end;
    expect(ended.code, ended.output).toBe(0);
    const results = [0, 1, 2].map((rank) => jsonOf<Result>(ended, rank)[0] as Result);
    for (const { history, alone, evaluated, reference } of results) {
      expect(history).toEqual(results[0]?.history);
      expect(Object.keys(history).toSorted()).toEqual(Object.keys(alone).toSorted());
      for (const name of Object.keys(alone)) {
        expectClose(history[name] as number[], alone[name] as number[], 1e-6, 1);
      }
      for (const name of ['loss', 'acc']) {
        expectClose([evaluated[name] as number], [reference[name] as number], 1e-6, 1);
      }
    }
  }, 200_000);
});
