/** Workers that meet, in one process: what each is told when they cannot. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { connectTo } from './lines.ts';
import { freeAddresses } from './local-cluster.ts';
import { type Facts, rendezvous } from './rendezvous.ts';

const FACTS = { TensorFlow: '2.21.0' };

/** What each worker throws; '' where it joins. */
async function told(
  workers: readonly string[],
  those: readonly { index: number; after?: number; facts?: Facts; list?: readonly string[] }[],
  seconds = 10,
): Promise<string[]> {
  const ends = those.map(async ({ index, after = 0, facts = FACTS, list = workers }) => {
    await new Promise((resolve) => setTimeout(resolve, after));
    return rendezvous({ workers: list, index }, facts, seconds);
  });
  const settled = await Promise.allSettled(ends);
  return settled.map((end) => (end.status === 'fulfilled' ? '' : (end.reason as Error).message));
}

test('workers meet in any order, also when one is late', async () => {
  const workers = await freeAddresses(3);
  const start = Date.now();
  const those = [{ index: 2 }, { index: 0, after: 300 }, { index: 1, after: 700 }];
  expect(await told(workers, those)).toEqual(['', '', '']);
  expect(Date.now() - start).toBeGreaterThanOrEqual(690);
  // The ports are free again, for TensorFlow.
  expect(
    await told(
      workers,
      those.map(({ index }) => ({ index })),
    ),
  ).toEqual(['', '', '']);
});

test('one that never comes is named on all', async () => {
  const workers = await freeAddresses(4);
  const missing = `must start within 1 s. Missing: worker 2 (${workers[2]})`;
  const ends = await told(workers, [{ index: 0 }, { index: 1 }, { index: 3 }], 1);
  for (const end of ends) expect(end).toContain(missing);
});

test('worker 0 that never comes is named', async () => {
  const workers = await freeAddresses(2);
  const [end] = await told(workers, [{ index: 1 }], 1);
  expect(end).toContain(`Missing: worker 0 (${workers[0]})`);
  expect(end).toContain('ECONNREFUSED');
});

test.each([1, 0])(
  'two workers with index %d on one machine: all are told at once',
  async (index) => {
    const workers = await freeAddresses(3);
    const start = Date.now();
    const others = [0, 1].map((each) => ({ index: each }));
    const ends = await told(workers, [...others, { index, after: 300 }]);
    for (const end of ends) {
      expect(end).toContain(
        `worker ${index} must have its port to itself. Received ${workers[index]}`,
      );
    }
    expect(Date.now() - start).toBeLessThan(5000);
  },
);

test('a port that another program uses: all are told at once', async () => {
  const workers = await freeAddresses(2);
  const other = createServer().listen(Number(workers[1]?.split(':')[1]), '0.0.0.0');
  await once(other, 'listening');
  const ends = await told(workers, [{ index: 0 }, { index: 1 }]);
  other.close();
  for (const end of ends) expect(end).toContain('must have its port to itself');
});

test('another version, another option, another list: all are told which', async () => {
  const workers = await freeAddresses(2);
  const versions = [{ index: 0 }, { index: 1, facts: { TensorFlow: '2.20.0' } }];
  for (const end of await told(workers, versions)) {
    expect(end).toContain(
      'TensorFlow must be the same on all workers. Received 2.21.0 on worker 0, and 2.20.0 on worker 1',
    );
  }
  const list = [workers[0] as string, '127.0.0.1:9'];
  for (const end of await told(workers, [{ index: 0 }, { index: 1, list }])) {
    expect(end).toMatch(/same list of addresses|must have its port/);
  }
});

test('what is no worker changes nothing', async () => {
  const workers = await freeAddresses(2);
  const [host, port] = (workers[0] as string).split(':') as [string, string];
  const stranger = async (text: string): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const socket = await connectTo(host, Number(port), 1000);
    socket.on('error', () => {});
    socket.write(text);
  };
  const meeting = told(workers, [{ index: 0 }, { index: 1, after: 800 }]);
  await Promise.all([stranger('GET / HTTP/1.1\n\n'), stranger('{"index":1}\n'), stranger('')]);
  expect(await meeting).toEqual(['', '']);
});

test('worker 0 is another program: that is said', async () => {
  const workers = await freeAddresses(2);
  const other = createServer((socket) => socket.write('PRI * HTTP/2.0\r\n')).listen(
    Number(workers[0]?.split(':')[1]),
    '0.0.0.0',
  );
  await once(other, 'listening');
  const [end] = await told(workers, [{ index: 1 }], 2);
  other.close();
  expect(end).toContain('an answer of another program, or of a run that has started already');
});
