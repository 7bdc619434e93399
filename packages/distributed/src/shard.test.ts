import { data } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { tensorsLeftBy, values } from '../../../test/tensors.ts';
import { connection, setConnection } from './connection.ts';
import { type Batch, rowsOf, type ShardedDataset, shard } from './shard.ts';

afterEach(() => setConnection(null));

const become = (rank: number, size: number): void =>
  setConnection({ rank, size, timeout: 1, peers: null, examples: 1 });

/** The first column of what each worker gets: a list of batches, with their numbers of examples. */
async function read(dataset: ShardedDataset): Promise<{ rows: number[]; examples: number }[]> {
  const batches = [];
  for await (const { xs, ys } of dataset) {
    expect(values(ys as tf.Tensor)).toEqual(values(xs as tf.Tensor).map((x) => -x));
    batches.push({ rows: values(xs as tf.Tensor), examples: connection('test').examples });
    tf.dispose([xs, ys] as tf.Tensor[]);
  }
  return batches;
}

const examples = (count: number): Batch & { xs: tf.Tensor; ys: tf.Tensor } => {
  const xs = tf.tidy(() => tf.reshape(tf.range(0, count), [count, 1]));
  return { xs, ys: tf.neg(xs) };
};

/** What all workers count, step by step. */
async function shared(size: number, make: () => ShardedDataset): Promise<number[][]> {
  const steps: number[][] = [];
  let count: number | null = null;
  for (let rank = 0; rank < size; rank++) {
    become(rank, size);
    const batches = await read(make());
    count ??= batches.length;
    expect(batches.length).toBe(count);
    for (const [i, { rows, examples: counted }] of batches.entries()) {
      expect(rows.length).toBe(Math.max(counted, 1));
      steps[i] = [...(steps[i] ?? []), ...rows.slice(0, counted)];
    }
  }
  return steps;
}

onCpu(() => {
  test.each([
    [1, 50, 8],
    [2, 50, 8],
    [3, 50, 8],
    [4, 7, 4],
    [5, 3, 8],
  ])(
    '%d workers see each of %d examples once, in as many steps, in batches of %d',
    async (size, total, batchSize) => {
      const { xs, ys } = examples(total);
      const all = Array.from({ length: total }, (_, i) => i);
      const steps = await shared(size, () => shard({ xs, ys }, { batchSize }));
      expect(steps.length).toBe(Math.ceil(total / batchSize));
      expect(steps.flat()).toEqual(all);
      const shuffled = await shared(size, () => shard({ xs, ys }, { batchSize, shuffle: 3 }));
      expect(shuffled.map(({ length }) => length)).toEqual(steps.map(({ length }) => length));
      expect(shuffled.flat().toSorted((a, b) => a - b)).toEqual(all);
      if (total > 7) expect(shuffled.flat()).not.toEqual(all);
      const batches = await shared(size, () =>
        shard(
          data.generator(function* () {
            for (let at = 0; at < total; at += batchSize) {
              const count = Math.min(batchSize, total - at);
              yield { xs: tf.slice(xs, at, count), ys: tf.slice(ys, at, count) };
            }
          }) as never,
        ),
      );
      expect(batches).toEqual(steps);
    },
  );

  test('every epoch has an order of its own, that of a seed again', async () => {
    become(0, 1);
    const [one, other] = [0, 1].map(() => shard(examples(20), { batchSize: 20, shuffle: 1 })) as [
      ShardedDataset,
      ShardedDataset,
    ];
    const [first] = await read(one);
    const [second] = await read(one);
    expect(second?.rows).not.toEqual(first?.rows);
    expect(await read(other)).toEqual([first]);
    expect(await read(other)).toEqual([second]);
  });

  test('workers share rows as equally as they can', () => {
    const counts = [0, 1, 2, 3].map((rank) => rowsOf(10, rank, 4).examples);
    expect(counts).toEqual([3, 3, 2, 2]);
    expect(rowsOf(2, 3, 4)).toEqual({ from: 0, count: 1, examples: 0 });
  });

  test('lists and names of tensors keep their form', async () => {
    become(1, 2);
    const [a, b] = [tf.ones([4, 1]), tf.zeros([4, 2])];
    for await (const { xs, ys } of shard({ xs: [a, b], ys: { out: b } }, { batchSize: 4 })) {
      expect((xs as tf.Tensor[]).map(({ shape }) => shape)).toEqual([
        [2, 1],
        [2, 2],
      ]);
      expect((ys as unknown as Record<string, tf.Tensor>)['out']?.shape).toEqual([2, 2]);
    }
  });

  test('no tensor is left', async () => {
    become(1, 2);
    const left = await tensorsLeftBy(async () => {
      const { xs, ys } = examples(9);
      await read(shard({ xs, ys }, { batchSize: 4, shuffle: 2 }));
      const batches = data.array([0, 4]).mapAsync(async (at) => ({
        xs: tf.slice(xs, at as number, 4),
        ys: tf.slice(ys, at as number, 4),
      }));
      await read(shard(batches as never));
      tf.dispose([xs, ys]);
    });
    expect(left).toBe(0);
  });

  test.each([
    [
      () => shard({ xs: tf.ones([3]), ys: tf.ones([2]) }),
      'the same number of rows, at least one. Received [3] and [2]',
    ],
    [() => shard({ xs: tf.ones([3]) } as never), 'Received [3] and undefined'],
    [() => shard(null as never), 'must be tensors with the same number of rows'],
    [() => shard(examples(3), { batchsize: 3 } as never), 'Did you mean "batchSize"?'],
    [() => shard(examples(3), { batchSize: 0 }), '"batchSize" must be a finite whole number >= 1'],
    [() => shard(data.array([1]) as never, { batchSize: 2 }), 'It takes none'],
  ])('refuses what it cannot share', (make, message) => {
    expect(make).toThrow(message);
  });

  test('without a connection it says so when it is read', async () => {
    await expect(read(shard(examples(3)))).rejects.toThrow('shard: this process must be connected');
  });
});
