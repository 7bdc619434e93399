/** The part of every batch that one worker trains on. */
import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, numberRule, show } from '@tfjs-lrm/core/kit';
import { connection } from './connection.ts';
import { permutation } from './permutation.ts';

/** Tensors as a model takes them: one, a list, or by name. */
export type Tensors = tf.Tensor | readonly tf.Tensor[] | { readonly [name: string]: tf.Tensor };

/** A batch of inputs and targets, which have the same number of rows. */
export interface Batch {
  readonly xs: Tensors;
  readonly ys: Tensors;
}

/** A data set of batches, as `tf.data` has them. */
interface Batches<T> {
  readonly size: number;
  /** Begins again at the first batch. */
  iterator(): Promise<{
    /** The next batch; done where there is none. */
    next(): Promise<IteratorResult<T>>;
  }>;
}

/** A data set of this worker's parts of batches: for `model.fitDataset`, `evaluate`, or `for await`. */
export interface ShardedDataset<T extends Batch = Batch> extends Batches<T>, AsyncIterable<T> {}

/** @inline */
interface ArrayOptions {
  /** How many examples all workers together take a step. */
  readonly batchSize?: number | undefined;
  /** The seed of the order of the examples, another one in every epoch; without it they come as they are. */
  readonly shuffle?: number | undefined;
}

const WHERE = 'shard';

/** This worker's rows of a batch; `examples` is 0 where there are fewer rows than workers, and one row stands in. */
interface Rows {
  readonly from: number;
  readonly count: number;
  readonly examples: number;
}

/** Rows are shared as equally as they can be, the first workers having one more. */
export function rowsOf(total: number, rank: number, size: number): Rows {
  const least = Math.floor(total / size);
  const more = total % size;
  const examples = least + (rank < more ? 1 : 0);
  const from = rank * least + Math.min(rank, more);
  return examples > 0 ? { from, count: examples, examples } : { from: 0, count: 1, examples: 0 };
}

function tensorsIn(tensors: Tensors): readonly tf.Tensor[] {
  if (tensors instanceof tf.Tensor) return [tensors];
  return Array.isArray(tensors) ? (tensors as readonly tf.Tensor[]) : Object.values(tensors);
}

function mapped<T extends Tensors>(tensors: T, fn: (tensor: tf.Tensor) => tf.Tensor): T {
  if (tensors instanceof tf.Tensor) return fn(tensors) as tf.Tensor as T;
  if (Array.isArray(tensors)) return tensors.map((each: tf.Tensor) => fn(each)) as unknown as T;
  return Object.fromEntries(
    Object.entries(tensors).map(([name, each]) => [name, fn(each as tf.Tensor)]),
  ) as T;
}

/** @throws TypeError or RangeError for what is not a batch of equally many rows */
function rowCount(batch: Batch): number {
  const all = [batch?.xs, batch?.ys].flatMap((each) =>
    typeof each === 'object' && each !== null ? tensorsIn(each) : [each],
  );
  const counts = all.map((each) => (each instanceof tf.Tensor ? (each.shape[0] ?? 0) : -1));
  const [count = -1] = counts;
  if (counts.some((each) => each !== count) || count < 1) {
    throw new TypeError(
      `${WHERE}: xs and ys must be tensors with the same number of rows, at least one. Received ${all.map((each) => (each instanceof tf.Tensor ? `[${each.shape}]` : show(each))).join(' and ')}. Try { xs: tf.ones([8, 4]), ys: tf.ones([8, 1]) }.`,
    );
  }
  return count;
}

/** Hands a batch out, and says how much it counts until the next one. */
function handOut<T extends Batch>(
  batch: T,
  take: (tensor: tf.Tensor) => tf.Tensor,
  examples: number,
): T {
  connection(WHERE).examples = examples;
  return { xs: mapped(batch.xs, take), ys: mapped(batch.ys, take) } as unknown as T;
}

function dataset<T extends Batch>(
  size: number,
  iterate: () => Promise<() => Promise<T | null>>,
): ShardedDataset<T> {
  const iterator = async (): Promise<{ next(): Promise<IteratorResult<T>> }> => {
    const next = await iterate();
    return {
      next: async () => {
        const value = await next();
        // As tf.data ends: with a null.
        return value === null
          ? { value: null as unknown as T, done: true }
          : { value, done: false };
      },
    };
  };
  return {
    size,
    iterator,
    async *[Symbol.asyncIterator]() {
      const next = await iterate();
      for (let value = await next(); value !== null; value = await next()) yield value;
    },
  };
}

/** This worker's parts of batches that each worker makes whole. */
function ofBatches<T extends Batch>(batches: Batches<T>): ShardedDataset<T> {
  return dataset(batches.size, async () => {
    const source = await batches.iterator();
    return async () => {
      const { value, done } = await source.next();
      if (done) return null;
      const { rank, size } = connection(WHERE);
      const { from, count, examples } = rowsOf(rowCount(value), rank, size);
      const part = tf.tidy(
        () =>
          handOut(
            value,
            (tensor) => tf.slice(tensor, from, count),
            examples,
          ) as unknown as tf.TensorContainer,
      ) as unknown as T;
      tf.dispose([...tensorsIn(value.xs), ...tensorsIn(value.ys)]);
      return part;
    };
  });
}

function ofArrays<T extends Batch>(
  whole: T,
  batchSize: number,
  seed: number | undefined,
): ShardedDataset<T> {
  const total = rowCount(whole);
  const steps = Math.ceil(total / batchSize);
  let epoch = 0;
  return dataset(steps, async () => {
    let order: Int32Array | null = null;
    let step = 0;
    return async () => {
      // Not where the iterator is made: `fitDataset` makes one too many.
      if (step === 0 && seed !== undefined) order = permutation(total, seed + epoch++);
      if (step === steps) return null;
      const start = step * batchSize;
      step += 1;
      const { rank, size } = connection(WHERE);
      const { from, count, examples } = rowsOf(Math.min(batchSize, total - start), rank, size);
      const [first, end] = [start + from, start + from + count];
      return tf.tidy(() => {
        const rows = order && tf.tensor1d(order.slice(first, end), 'int32');
        const take = (tensor: tf.Tensor): tf.Tensor =>
          rows === null ? tf.slice(tensor, first, count) : tf.gather(tensor, rows);
        return handOut(whole, take, examples) as unknown as tf.TensorContainer;
      }) as unknown as T;
    };
  });
}

/**
 * This worker's part of every batch, of a data set of `tf.data` or of tensors. All workers take the same number of steps
 * and see every example once. Rows of a batch are shared as equally as they can be. The last batch may have fewer rows:
 * `workers.examples` says how many this worker has, by which its gradient counts. A worker that has none gets a row that
 * counts 0.
 *
 * A data set of `tf.data` must give the same batches `{ xs, ys }` on all workers: give `shuffle` of `tf.data` a seed. Each
 * worker makes them whole and keeps its rows. Of tensors, a worker copies its rows alone.
 *
 * The batches of the last iterator that was asked set `workers.examples`, so finish one before the next.
 *
 * @param source batches, or all examples as `{ xs, ys }`
 * @param options for tensors, batchSize: examples of all workers together in a step (32); shuffle: a seed, for another
 *   order in every epoch
 * @throws TypeError for what holds no rows; RangeError for an unknown option or a value out of range; when it is read,
 *   Error before `connect()`
 * @example
 * const workers = await connect();
 * const dataset = shard({ xs: x, ys: y }, { batchSize: 2, shuffle: 7 });
 * for await (const { xs, ys } of dataset) console.log(xs.shape, ys.shape, workers.examples);
 * workers.disconnect();
 */
export function shard<T extends Batch>(
  source: Batches<T> | T,
  options: ArrayOptions = {},
): ShardedDataset<T> {
  const isDataset = typeof (source as Partial<Batches<T>> | null)?.iterator === 'function';
  const rules = {
    batchSize: numberRule({ min: 1, integer: true, try: '32' }),
    shuffle: numberRule({ integer: true, try: '7' }),
  };
  checkOptions(WHERE, options, isDataset ? {} : rules);
  if (isDataset) return ofBatches(source as Batches<T>);
  const { batchSize = 32, shuffle } = options;
  rowCount(source as T);
  return ofArrays(source as T, batchSize, shuffle);
}
