import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkOptions, numberRule, oneOfRule, show } from '@tfjs-lrm/core/kit';
import { broadcastState, broadcastValue } from './broadcast.ts';
import { reduced } from './collectives.ts';
import { type Connection, setConnection } from './connection.ts';

/** @inline */
interface BarrierOptions {
  /** How long to wait for the others, in seconds; that of `connect` by default. */
  readonly timeout?: number | undefined;
}

/** @inline */
interface AllReduceOptions {
  /** The `instance_key` of TensorFlow's operation, to reduce with a worker of another program; chosen by default. */
  readonly key?: number | undefined;
}

/** All workers, as one of them sees them. */
export class Workers {
  readonly #connection: Connection;
  #isLeft = false;

  /** @internal */
  constructor(connection: Connection) {
    this.#connection = connection;
    setConnection(connection);
  }

  /** Which of the workers this process is, from 0. */
  get rank(): number {
    return this.#connection.rank;
  }

  /** The number of workers. */
  get size(): number {
    return this.#connection.size;
  }

  /**
   * How many examples the current batch of this worker has, by which its gradient is weighted. `shard` sets it with
   * every batch; a loop over other data sets it where batches differ in size. 0: the batch does not count.
   */
  get examples(): number {
    return this.#connection.examples;
  }

  set examples(value: number) {
    const broken = numberRule({ min: 0, try: 'x.shape[0]' })(value);
    if (broken !== null) {
      throw new RangeError(
        `workers: examples must ${broken.must}. Received ${show(value)}. Try ${broken.try}.`,
      );
    }
    this.#connection.examples = value;
  }

  /**
   * A seed of this worker's own, for what must differ between workers, such as dropout. Initial weights need none: they
   * come from worker 0.
   *
   * @example
   * const workers = await connect();
   * const drop = tf.layers.dropout({ rate: 0.1, seed: workers.seed(7) });
   * workers.disconnect();
   */
  seed(base: number): number {
    // Far apart, since seeds of neighbouring layers are often neighbours.
    return base + this.rank * 1_000_003;
  }

  /**
   * Checks that all workers have the same model and optimizer, and gives them the weights of worker 0 and the state of
   * its optimizer. Call it before the first step, and after worker 0 has loaded a checkpoint.
   *
   * @throws Error, on all workers, where one has another model or other options; nothing has changed then
   * @example
   * const workers = await connect();
   * await workers.broadcastWeights(model, optimizer);
   * workers.disconnect();
   */
  async broadcastWeights(model: LayersModel, optimizer?: tf.Optimizer): Promise<void> {
    await broadcastState(this.#usable('broadcastWeights'), model, optimizer);
  }

  /**
   * What worker 0 hands over, as JSON: the step of a checkpoint, for example.
   *
   * @example
   * const workers = await connect();
   * const step = workers.broadcast(workers.rank === 0 ? 100 : null); // 100 on all of them
   * workers.disconnect();
   */
  broadcast<T>(value: T): T {
    return broadcastValue(this.#usable('broadcast'), value);
  }

  /**
   * Waits until all workers are here. It blocks the thread, as every call here does that waits for others.
   *
   * @throws Error that names who did not come within the timeout
   */
  barrier(options: BarrierOptions = {}): void {
    checkOptions('barrier', options, {
      timeout: numberRule({ min: 0, exclusive: true, try: '60' }),
    });
    const { peers, timeout } = this.#usable('barrier');
    peers?.exchange.sum('barrier', Int32Array.of(1), options.timeout ?? timeout);
  }

  /**
   * The mean or the sum of a tensor over all workers, the same on each of them. All must call it with the same shape, in
   * the same order. It works operation by operation and in a compiled step, and has no gradient.
   *
   * @param reduction 'mean' or 'sum'
   * @throws TypeError for a tensor that is neither float32 nor, for sums, int32; Error that names who did not call it
   *   within the timeout
   * @example
   * const workers = await connect();
   * const loss = workers.allReduce(tf.scalar(0.5), 'mean');
   * workers.disconnect();
   */
  allReduce<T extends tf.Tensor>(
    tensor: T,
    reduction: 'mean' | 'sum' = 'mean',
    options: AllReduceOptions = {},
  ): T {
    const where = 'allReduce';
    checkOptions(
      where,
      { reduction, ...options },
      {
        reduction: oneOfRule(['mean', 'sum']),
        key: numberRule({ min: 1, max: 2 ** 31, integer: true, try: '1' }),
      },
    );
    const mean = reduction === 'mean';
    if (tensor?.dtype !== 'float32' && (mean || tensor?.dtype !== 'int32')) {
      throw new TypeError(
        `${where}: the tensor must be float32${mean ? '' : ' or int32'}. Received ${tensor?.dtype ?? show(tensor)}. Try tf.cast(tensor, 'float32').`,
      );
    }
    const connection = this.#usable(where);
    const { peers } = connection;
    if (peers === null) return tf.clone(tensor);
    const call = { name: 'tensor', mean, key: options.key };
    return reduced(peers.backend, connection, tensor, call) as T;
  }

  /**
   * Waits until all workers are here, and ends the connection. The process ends by itself afterwards, and may work on
   * alone until then; it cannot connect again.
   *
   * @throws Error that names who did not come within the timeout
   */
  disconnect(): void {
    if (this.#isLeft) return;
    try {
      this.barrier();
    } finally {
      this.#isLeft = true;
      setConnection(null);
      this.#connection.peers?.leave();
    }
  }

  #usable(where: string): Connection {
    if (!this.#isLeft) return this.#connection;
    throw new Error(`${where}: the workers must be connected. Received a call after disconnect().`);
  }
}
