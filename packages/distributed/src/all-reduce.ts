/** Gradients averaged over the workers, around any optimizer. */
import * as tf from '@tensorflow/tfjs-core';
import { adapter, type Entry, OptimizerAdapter } from '@tfjs-lrm/core';
import { MirroredScalar, numberRule } from '@tfjs-lrm/core/kit';
import { reduced } from './collectives.ts';
import { type Connection, connection, type Peers } from './connection.ts';

/** @inline */
interface AllReduceOptimizerOptions {
  /** How large a message between workers may be, in MB of 10^6 bytes: gradients are packed into buffers of this size. */
  readonly bufferSize?: number | undefined;
}

const WHERE = 'withAllReduce';

/** In the same order on all workers, whatever the order of the gradients. */
const byName = (a: Entry, b: Entry): number => (a.variable.name < b.variable.name ? -1 : 1);

/** What is the same on all workers in a step: which variables there are, and which of them are trained. */
const signatureOf = (entries: readonly Entry[]): string =>
  entries
    .map(({ variable: { name, shape, trainable } }) => `${name}[${shape}]${trainable ? '' : '!'}`)
    .join(' ');

class AllReduce extends OptimizerAdapter {
  static override readonly className: string = 'LrmAllReduce';

  readonly #bufferSize: number;
  readonly #weight = new MirroredScalar();
  /** For each set of variables, those for which some worker had a gradient when the set first came. */
  readonly #reached = new Map<string, ReadonlySet<string>>();

  constructor(inner: tf.Optimizer, { bufferSize = 64 }: AllReduceOptimizerOptions) {
    super(inner);
    this.#bufferSize = bufferSize;
  }

  override get obstacle(): null {
    return null;
  }

  override check(entries: readonly Entry[]): void {
    const { peers } = connection(WHERE);
    if (peers !== null) this.#agree(peers, [...entries].sort(byName));
    super.check(entries);
  }

  /**
   * Which variables have gradients is agreed on once, because a step must not wait to ask: a variable without one here
   * may have one elsewhere, and one that has none anywhere must stay without.
   */
  #agree({ exchange }: Peers, entries: readonly Entry[]): void {
    const signature = signatureOf(entries);
    const known = this.#reached.get(signature);
    if (known === undefined) {
      const here = Int32Array.from(entries, ({ gradient }) => (gradient === null ? 0 : 1));
      const counts = exchange.sum(`gradients of ${signature}`, here);
      const names = entries.filter((_, i) => counts[i] !== 0).map(({ variable }) => variable.name);
      this.#reached.set(signature, new Set(names));
      return;
    }
    const other = entries.find(
      ({ variable, gradient }) => gradient !== null && !known.has(variable.name),
    );
    if (other === undefined) return;
    throw new Error(
      `${WHERE}: a variable that no worker had a gradient for must stay without one. Received a gradient of "${other.variable.name}". Try a loss that reaches the same variables in every step, or a new optimizer around the state of this one.`,
    );
  }

  override beforeStep(): void {
    this.#weight.write(connection(WHERE).examples);
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    const workers = connection(WHERE);
    const { peers } = workers;
    const means = peers === null ? null : this.#means(workers, peers, entries);
    this.inner.update(
      means === null
        ? entries
        : entries.map(({ variable }) => ({ variable, gradient: means.get(variable) ?? null })),
    );
  }

  #means(
    workers: Connection,
    { backend }: Peers,
    entries: readonly Entry[],
  ): Map<tf.Variable, tf.Tensor> {
    const sorted = [...entries].sort(byName);
    const reached = this.#reached.get(signatureOf(sorted));
    const taken = sorted.filter(({ variable: { name } }) => reached?.has(name));
    const weight = this.#weight.read(workers.examples);
    const means = new Map<tf.Variable, tf.Tensor>();
    for (const members of inBuffers(taken, this.#bufferSize * 1e6)) {
      const parts = members.map(({ gradient, variable: { size } }) =>
        gradient === null ? tf.zeros([size]) : tf.reshape(gradient, [size]),
      );
      // The weight goes along as the last element, so that all divide by the sum of the weights.
      const flat = tf.mul(tf.concat([...parts, tf.ones([1])]), weight);
      const sum = reduced(backend, workers, flat, { name: 'gradients', mean: false });
      const size = flat.size - 1;
      const mean = tf.div(tf.slice(sum, [0], [size]), tf.slice(sum, [size], [1]));
      const split = tf.split(
        mean,
        members.map(({ variable }) => variable.size),
      );
      for (const [i, { variable }] of members.entries()) {
        means.set(variable, tf.reshape(split[i] as tf.Tensor, variable.shape));
      }
    }
    return means;
  }

  protected override options(): object {
    return { bufferSize: this.#bufferSize };
  }

  override dispose(): void {
    super.dispose();
    this.#weight.dispose();
  }
}

/** The variables in groups of at most so many bytes; a larger variable is a group of its own. */
function inBuffers(entries: readonly Entry[], bytes: number): Entry[][] {
  const groups: Entry[][] = [];
  let free = 0;
  for (const entry of entries) {
    const size = entry.variable.size * 4;
    if (size > free) {
      groups.push([]);
      free = bytes;
    }
    groups.at(-1)?.push(entry);
    free -= size;
  }
  return groups;
}

const reduceAll = adapter(WHERE, AllReduce, {
  bufferSize: numberRule({ min: 0, exclusive: true, try: '64' }),
});

/**
 * Averages the gradients over all workers before the optimizer inside sees them. With g_r the gradient of worker r and
 * n_r its number of examples (`workers.examples`), all get
 *
 *   Σ n_r·g_r / Σ n_r
 *
 * which is the gradient of the whole batch where the loss is a mean over examples. So all workers take the same step and
 * keep the same weights. It belongs outermost, or directly inside `withAccumulation`, which then sums micro-batches on
 * each worker and exchanges their means once a step: clipping around it would clip what one worker has seen.
 *
 * A variable for which a worker has no gradient counts as zeros there. If none has one in the first step with its set of
 * variables, it stays without. A variable that is not trained is left out.
 *
 * Cost: the gradients are copied into a buffer and out of it, and sent once around the ring of workers. Operation by
 * operation and in a compiled step alike, without XLA.
 *
 * @param options bufferSize 64, in MB
 * @throws RangeError for an unknown option or a value out of range; in a step, Error before `connect()`, or naming the
 *   worker that did not take it
 * @example
 * const workers = await connect();
 * const optimizer = withAllReduce(adam({ learningRate: 1e-3 }));
 * model.compile({ optimizer, loss: 'meanSquaredError' });
 * await workers.broadcastWeights(model, optimizer);
 * workers.disconnect();
 */
export function withAllReduce(
  optimizer: tf.Optimizer,
  options: AllReduceOptimizerOptions = {},
): OptimizerAdapter {
  return reduceAll(optimizer, options);
}
