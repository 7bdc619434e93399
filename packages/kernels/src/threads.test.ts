import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startThreads, type Threads } from './threads.ts';
import { CONTROL } from './threads-worker.ts';

/**
 * (func (export "note") (param i32 i32) (i32.store (local.get 1) (local.get 0)))
 * (func (export "stall") (param i32) (loop (br_if 0 (local.get 0))))
 * (func (export "trap") (param i32) (if (local.get 0) (then unreachable)))
 */
// biome-ignore format: a section a line
const CODE = new Uint8Array([
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 10, 2, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 1, 0x7f, 0,
  2, 15, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 1,
  3, 4, 3, 0, 1, 1,
  7, 23, 3, 4, 0x6e, 0x6f, 0x74, 0x65, 0, 0, 5, 0x73, 0x74, 0x61, 0x6c, 0x6c, 0, 1, 4, 0x74, 0x72, 0x61, 0x70, 0, 2,
  10, 30, 3,
  9, 0, 0x20, 1, 0x20, 0, 0x36, 2, 0, 0x0b,
  9, 0, 3, 0x40, 0x20, 0, 0x0d, 0, 0x0b, 0x0b,
  8, 0, 0x20, 0, 4, 0x40, 0, 0x0b, 0x0b,
]);

interface Ended {
  isUnreferenced?: boolean;
  unref(): void;
  terminate(): Promise<number>;
}
interface NodeThreads {
  Worker: new (code: string, options: object) => Ended;
}
const nodeThreads = process.getBuiltinModule('node:worker_threads') as unknown as NodeThreads;
const { Worker } = nodeThreads;
/** The workers that were started, to end them from outside. */
const workers: Ended[] = [];

beforeAll(() => {
  nodeThreads.Worker = class extends Worker {
    constructor(code: string, options: object) {
      super(code, options);
      workers.push(this);
    }
    override isUnreferenced = false;
    override unref() {
      this.isUnreferenced = true;
      super.unref();
    }
  };
});
afterAll(() => {
  nodeThreads.Worker = Worker;
});

const memory = new WebAssembly.Memory({ initial: 1, maximum: 16, shared: true });
const cells = () => new Int32Array(memory.buffer);
/** The first argument of a call becomes the number of its thread. */
const NUMBER = { argument: 0, bytes: 1 } as const;
let threads: Threads;

function start(count: number, patience?: number): Threads {
  workers.length = 0;
  threads = startThreads(memory, [CODE], count, patience);
  return threads;
}
afterEach(() => {
  threads.end();
  vi.restoreAllMocks();
});

/** Does something until it holds: a worker starts when the machine lets it. */
async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 30_000;
  while (!holds()) {
    expect(performance.now()).toBeLessThan(end);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Which threads take calls, once all do. */
async function untilAllWork(): Promise<void> {
  const seen = new Set<number>();
  await until(() => {
    threads.run(
      'note',
      Array.from({ length: 2000 }, () => [0, 0]),
      NUMBER,
    );
    seen.add(cells()[0]!);
    threads.run(
      'note',
      Array.from({ length: 2000 }, (_, i) => [0, 4 * i]),
      NUMBER,
    );
    for (const thread of cells().subarray(0, 2000)) seen.add(thread);
    return seen.size === threads.count;
  });
}

test.each([1, 2, 3, 5])(
  '%i threads do every call once, and more than fit at a time',
  async (count) => {
    start(count);
    expect(threads.count).toBe(count);
    expect(workers).toHaveLength(count - 1);
    await untilAllWork();
    for (const calls of [1, 2, 7, 1024, 1025, 5000]) {
      cells().fill(-1);
      threads.run(
        'note',
        Array.from({ length: calls }, (_, i) => [i, 4 * i]),
      );
      expect([...cells().subarray(0, calls + 1)]).toEqual([
        ...Array.from({ length: calls }, (_, i) => i),
        -1,
      ]);
    }
    threads.run('note', []);
  },
);

test('thousands of short jobs in a row are all whole', async () => {
  start(3);
  await untilAllWork();
  for (let job = 0; job < 5000; job++) {
    threads.run('note', [
      [job, 0],
      [job + 1, 4],
      [job + 2, 8],
    ]);
    const [a, b, c] = cells();
    if (a !== job || b !== job + 1 || c !== job + 2) expect([job, a, b, c]).toEqual([]);
    // Workers sleep in some pauses, and in others they do not.
    if (job % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

test('memory that grows is seen by all', async () => {
  start(2);
  await untilAllWork();
  const place = memory.buffer.byteLength;
  memory.grow(1);
  const calls = Array.from({ length: 1000 }, (_, i) => [i, place + 4 * i]);
  threads.run('note', calls);
  expect([...cells().subarray(place / 4, place / 4 + 1000)]).toEqual(calls.map(([i]) => i));
});

test('no worker keeps the process running', () => {
  start(3);
  expect(workers.map(({ isUnreferenced }) => isUnreferenced)).toEqual([true, true]);
});

describe('a thread that', () => {
  test('was ended from outside is named by the next call', async () => {
    start(3);
    await untilAllWork();
    await workers[1]!.terminate();
    const run = () => threads.run('note', [[1, 0]]);
    expect(run).toThrow(
      'kernels/threads: thread 2 of 3 must run until training is disabled. Received: it has ended with exit code 1. Try enableTraining({ threads: 1 }).',
    );
    expect(threads.failure()?.message).toContain('thread 2 of 3');
    expect(run).toThrow('thread 2 of 3');
  });

  test('was ended and is not needed stops nothing', async () => {
    start(2);
    await untilAllWork();
    void workers[0]!.terminate();
    // It ends, and no event tells so before this thread is idle.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    threads.run('note', [
      [7, 0],
      [8, 4],
    ]);
    expect([...cells().subarray(0, 2)]).toEqual([7, 8]);
  });

  test('never finishes is given up', async () => {
    start(2, 100);
    await untilAllWork();
    const stall = () =>
      threads.run(
        'stall',
        Array.from({ length: 50 }, () => [0]),
        NUMBER,
      );
    await until(() => {
      try {
        stall();
      } catch {
        return true;
      }
      return false;
    });
    expect(threads.failure()?.message).toContain('no end of its work after 0.1 s');
    expect(stall).toThrow('no end of its work');
  });

  test('fails says so', async () => {
    start(2);
    await untilAllWork();
    await until(() => {
      try {
        threads.run(
          'trap',
          Array.from({ length: 50 }, () => [0]),
          NUMBER,
        );
      } catch {
        return true;
      }
      return false;
    });
    expect(threads.failure()?.message).toContain('thread 1 of 2');
    expect(threads.failure()?.message).toContain('an error in trap');
  });

  test('is the main one throws its own error, after the others have finished', () => {
    start(2);
    expect(() => threads.run('trap', [[1], [1]])).toThrow();
    start(1);
    expect(() => threads.run('trap', [[1]])).toThrow(WebAssembly.RuntimeError);
  });
});

test('after their end the main thread does everything', async () => {
  start(3);
  await untilAllWork();
  threads.end();
  await new Promise((resolve) => setTimeout(resolve, 50));
  cells().fill(-1);
  threads.run(
    'note',
    Array.from({ length: 100 }, (_, i) => [i, 4 * i]),
    NUMBER,
  );
  expect([...cells().subarray(0, 100)]).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(threads.failure()).toBeUndefined();
});

test('every place in the control block is another one', () => {
  const places = Object.values(CONTROL);
  expect([...places].sort((a, b) => a - b)).toEqual(places.map((_, i) => i));
});
