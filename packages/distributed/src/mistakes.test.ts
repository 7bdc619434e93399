/** What workers are told about mistakes, and calls whose order or number differs between them. */
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe, expect, test } from 'vitest';
import { built, jsonOf, launched } from '../test/worker.ts';

type Told = Record<string, unknown>;

describe.skipIf(!isLinked())('on tensorflow', () => {
  let told: readonly [Told, Told];

  beforeAll(async () => {
    await built();
    const ended = await launched('mistakes.js').end;
    expect(ended.code, ended.output).toBe(0);
    told = [0, 1].map((rank) => jsonOf<Told>(ended, rank)[0]) as [Told, Told];
  }, 200_000);

  test.each([
    ['tensor before', 'connect: it must come before the first tensor'],
    ['option', 'Did you mean "timeout"?'],
    ['twice', 'connect: a process must connect once'],
    ['model', 'the same model and optimizer as worker 0. Received others on worker 1.'],
    ['optimizer', 'the same model and optimizer as worker 0. Received others on worker 1.'],
    ['same', ''],
    ['bool', 'allReduce: the tensor must be float32. Received bool'],
    ['mean of integers', 'allReduce: the tensor must be float32. Received int32'],
    ['reduction', "must be one of 'mean', 'sum'"],
    ['examples', 'examples must be a finite number >= 0. Received -1'],
    ['appearing', 'must stay without one. Received a gradient of "c"'],
    ['xla', 'must be compiled without XLA'],
    ['other calls', 'must make the same call within 2 s. Received answers from all'],
    ['other calls', 'or waits in another call than "tensor mean float32['],
    ['after that', 'must make the same call within 2 s'],
    ['leaving', 'must make the same call within 2 s'],
    ['left', 'barrier: the workers must be connected'],
    ['unconnected', 'withAllReduce: this process must be connected'],
  ])('%s: all are told', (name, message) => {
    for (const each of told) expect(each[name]).toContain(message);
  });

  test('the worker that differs says in what', () => {
    expect(told[1]['model']).toContain(
      'Worker 1 has the weight "dense3/kernel" float32[3,3], worker 0 the weight "dense2/kernel" float32[3,2].',
    );
    expect(told[1]['optimizer']).toContain('"beta1":0.8');
  });

  test('a gradient that one worker lacks counts as zeros, one that all lack is none', () => {
    for (const { missing, unchanged } of told) {
      expect(missing).toEqual([
        [0, 1],
        [0.5, 1.5],
        [1, 2],
      ]);
      expect(unchanged).toEqual(missing);
    }
  });

  test('calls free the tensors that they make', () => {
    for (const { kept } of told) expect(kept).toBe(0);
  });

  test('the time between calls does not count', () => {
    for (const each of told) expect(each['after a pause']).toBe(1);
  });

  test('equal calls of a recorded step keep apart', () => {
    for (const each of told) {
      for (let i = 0; i < 4; i++) expect(each[`recorded ${i}`]).toEqual([3, 30]);
    }
  });

  test('one worker may record while another runs its recording', () => {
    for (const each of told) {
      expect([0, 1, 2, 3, 4].map((i) => each[`other shapes ${i}`])).toEqual([4, 4, 4, 5, 6]);
    }
  });
});
