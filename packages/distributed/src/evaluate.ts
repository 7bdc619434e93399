/** Losses and metrics over all workers. */
import * as tf from '@tensorflow/tfjs-core';
import { CustomCallback, type LayersModel } from '@tensorflow/tfjs-layers';
import { checkOptions } from '@tfjs-lrm/core/kit';
import { type Connection, connection } from './connection.ts';
import type { Batch, ShardedDataset, Tensors } from './shard.ts';

/** Sums of values that count by their number of examples, on this worker. */
class Totals {
  #sums: tf.Tensor | null = null;
  #examples = 0;

  add(values: readonly tf.Tensor[], examples: number): void {
    const before = this.#sums;
    this.#sums = tf.keep(
      tf.tidy(() => {
        const weighted = tf.mul(tf.stack(values.map((value) => tf.reshape(value, []))), examples);
        return before === null ? weighted : tf.add(before, weighted);
      }),
    );
    before?.dispose();
    this.#examples += examples;
  }

  /** The means over all workers. Waits for them. */
  means({ peers }: Connection, count: number): number[] {
    const sums = this.#sums?.dataSync() ?? new Float32Array(count);
    this.#sums?.dispose();
    const own = Float32Array.from([...sums, this.#examples]);
    const all = peers === null ? own : peers.exchange.sum('metrics', own);
    return Array.from(all.subarray(0, count), (sum) => sum / (all[count] as number));
  }
}

const inputs = (tensors: Tensors, names: readonly string[]): tf.Tensor | tf.Tensor[] => {
  if (tensors instanceof tf.Tensor) return tensors;
  if (Array.isArray(tensors)) return [...tensors] as tf.Tensor[];
  const byName = tensors as Readonly<Record<string, tf.Tensor>>;
  return names.map((name) => byName[name] as tf.Tensor);
};

/**
 * The loss and the metrics of a compiled model over the parts of all workers, each example counting once: the same numbers
 * on all of them. It is what `model.evaluateDataset` gives for the whole data set in one process, where metrics are means
 * over examples. It sets `workers.examples`.
 *
 * @param dataset what `shard` returned
 * @returns the values by name, `loss` first
 * @example
 * const workers = await connect();
 * const { loss } = await evaluate(model, shard({ xs: x, ys: y }));
 * workers.disconnect();
 */
export async function evaluate(
  model: LayersModel,
  dataset: ShardedDataset<Batch>,
): Promise<Record<string, number>> {
  const workers = connection('evaluate');
  const totals = new Totals();
  for await (const { xs, ys } of dataset) {
    const [x, y] = [inputs(xs, model.inputNames), inputs(ys, model.outputNames)];
    const [first] = [x].flat() as [tf.Tensor];
    const values = [model.evaluate(x, y, { batchSize: first.shape[0] as number })].flat();
    totals.add(values, workers.examples);
    tf.dispose([values, x, y] as tf.TensorContainer);
  }
  const names = model.metricsNames;
  const means = totals.means(workers, names.length);
  return Object.fromEntries(names.map((name, i) => [name, means[i] as number]));
}

/** @inline */
interface ReduceLogsOptions {
  /** What to evaluate after every epoch, as `val_loss` and so on; in the place of `validationData` of `fitDataset`. */
  readonly validation?: ShardedDataset<Batch> | undefined;
}

class ReduceLogs extends CustomCallback {
  readonly #validation: ShardedDataset<Batch> | undefined;
  #model: LayersModel | null = null;
  #totals = new Totals();

  constructor(validation: ShardedDataset<Batch> | undefined) {
    super({});
    this.#validation = validation;
  }

  override setModel(model: Parameters<CustomCallback['setModel']>[0]): void {
    super.setModel(model);
    this.#model = model as unknown as LayersModel;
  }

  override async onEpochBegin(): Promise<void> {
    this.#totals = new Totals();
  }

  override async onBatchEnd(
    _batch: number,
    logs: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const { metricsNames } = this.#model as LayersModel;
    const values = metricsNames.map((name) => logs[name] as tf.Tensor);
    this.#totals.add(values, connection('reduceLogs').examples);
  }

  override async onEpochEnd(_epoch: number, logs: Record<string, unknown> = {}): Promise<void> {
    const model = this.#model as LayersModel;
    const { metricsNames } = model;
    const means = this.#totals.means(connection('reduceLogs'), metricsNames.length);
    const reduced = metricsNames.map((name, i) => [name, means[i]] as const);
    const validated = this.#validation === undefined ? {} : await evaluate(model, this.#validation);
    const more = Object.entries(validated).map(([name, value]) => [`val_${name}`, value] as const);
    for (const [name, value] of [...reduced, ...more]) {
      if (logs[name] instanceof tf.Tensor) logs[name].dispose();
      logs[name] = value;
    }
  }
}

/**
 * A callback of `fitDataset` that replaces the losses and metrics of each epoch by those over all workers, so that whatever
 * comes after it decides the same everywhere: `earlyStopping`, a schedule, a log. Put it first.
 *
 * @param options validation: a sharded data set to evaluate after every epoch
 * @example
 * const workers = await connect();
 * const data = shard({ xs: x, ys: y }, { batchSize: 5 });
 * await model.fitDataset(data, { epochs: 1, verbose: 0, callbacks: [reduceLogs({ validation: data })] });
 * workers.disconnect();
 */
export function reduceLogs(options: ReduceLogsOptions = {}): CustomCallback {
  checkOptions('reduceLogs', options, { validation: () => null });
  return new ReduceLogs(options.validation);
}
