import * as tf from '@tensorflow/tfjs-core';
import { CustomCallback, type LayersModel } from '@tensorflow/tfjs-layers';
import { effectiveLearningRate } from '@tfjs-lrm/core';
import { checkOptions, numberRule, show } from '@tfjs-lrm/core/kit';
import type { Logger } from './logger.ts';

/** What a watch of `watchScales` can be asked. */
interface Scales {
  read(): Promise<{
    readonly variables: readonly {
      readonly name: string;
      readonly points: readonly { readonly step: number; readonly rms: number }[];
    }[];
  }>;
}

/** @inline */
interface LogOptions {
  /** Steps between two logs of the loss. */
  readonly every?: number | undefined;
  /** A watch of the same model, whose points are logged after each epoch. */
  readonly scales?: Scales | undefined;
}

type Logs = Readonly<Record<string, number | tf.Scalar>>;

const NO_METRICS = ['batch', 'size'];

/** The numbers in the logs of a batch, read from clones: tfjs disposes of the scalars when it goes on. */
async function numbersIn(logs: Logs): Promise<[string, number][]> {
  const metrics = Object.entries(logs)
    .filter(([name]) => !NO_METRICS.includes(name))
    .map(([name, value]) => [name, typeof value === 'number' ? value : tf.clone(value)] as const);
  return Promise.all(
    metrics.map(async ([name, value]): Promise<[string, number]> => {
      if (typeof value === 'number') return [name, value];
      const [number] = await value.data();
      value.dispose();
      return [name, number as number];
    }),
  );
}

class LogTraining extends CustomCallback {
  readonly #logger: Logger;
  readonly #every: number;
  readonly #scales: Scales | null;
  readonly #logged = new Map<string, number>();
  #optimizer: tf.Optimizer | null = null;

  constructor(logger: Logger, { every = 1, scales }: LogOptions) {
    super({});
    this.#logger = logger;
    this.#every = every;
    this.#scales = scales ?? null;
  }

  override setModel(model: LayersModel): void {
    super.setModel(model);
    this.#optimizer = model.optimizer;
  }

  /** Steps of the optimizer so far, so that a resumed run goes on where its log ended. */
  get #step(): number {
    return this.#optimizer?.iterations ?? 0;
  }

  override async onBatchEnd(
    batch: number,
    logs?: Parameters<CustomCallback['onBatchEnd']>[1],
  ): Promise<void> {
    await super.onBatchEnd(batch, logs);
    const [step, optimizer] = [this.#step, this.#optimizer];
    if (step % this.#every !== 0 || optimizer === null) return;
    const rate = effectiveLearningRate(optimizer);
    const metrics = await numbersIn((logs ?? {}) as Logs);
    const named = metrics.map(([name, value]) => [`train/${name}`, value]);
    this.#logger.log(step, { ...Object.fromEntries(named), learning_rate: rate });
  }

  override async onEpochEnd(
    epoch: number,
    logs?: Parameters<CustomCallback['onEpochEnd']>[1],
  ): Promise<void> {
    await super.onEpochEnd(epoch, logs);
    const step = this.#step;
    const metrics = await numbersIn((logs ?? {}) as Logs);
    const validation = metrics.filter(([name]) => name.startsWith('val_'));
    if (validation.length > 0) {
      const named = validation.map(([name, value]) => [`validation/${name.slice(4)}`, value]);
      this.#logger.log(step, Object.fromEntries(named));
    }
    await this.#logScales();
    this.#logger.flush();
  }

  async #logScales(): Promise<void> {
    const { variables } = (await this.#scales?.read()) ?? { variables: [] };
    const steps = new Map<number, Record<string, number>>();
    for (const { name, points } of variables) {
      for (const { step, rms } of points) {
        if (step <= (this.#logged.get(name) ?? -1)) continue;
        this.#logged.set(name, step);
        steps.set(step, { ...steps.get(step), [`scale/${name}`]: rms });
      }
    }
    for (const [step, numbers] of [...steps].sort(([a], [b]) => a - b))
      this.#logger.log(step, numbers);
  }
}

/**
 * A callback of `model.fit` that logs what people look at, under the names of the field: `train/loss` and other metrics
 * of batches, `learning_rate` (base rate times schedules), `validation/loss` after each epoch, and `scale/<weight>`, the
 * RMS of each weight that a watch has seen. Steps are those of the optimizer, so a resumed run goes on. In a loop of your
 * own call `logger.log(step, { 'train/loss': loss })`.
 *
 * It waits for the loss in the steps that it logs. It does not close the logger.
 *
 * @param logger `toNdjson(write)`, or `toTensorBoard(folder)` of `@tfjs-lrm/diagnostics/node`
 * @param options every 1, steps between two logs; scales, a watch of `watchScales` on the same model
 * @throws TypeError for something that is not a logger; RangeError for an unknown option or a value out of range
 * @example
 * const lines = [];
 * await model.fit(x, y, { verbose: 0, callbacks: [logTraining(toNdjson((line) => lines.push(line)))] });
 */
export function logTraining(logger: Logger, options: LogOptions = {}): CustomCallback {
  if (typeof (logger as Partial<Logger> | null)?.log !== 'function') {
    throw new TypeError(
      `logTraining: the first argument must be a logger. Received ${show(logger)}. Try toNdjson((line) => file.write(line)).`,
    );
  }
  checkOptions('logTraining', options, {
    every: numberRule({ min: 1, integer: true, try: '10' }),
    scales: (value) =>
      typeof (value as Partial<Scales> | null)?.read === 'function'
        ? null
        : { must: 'be a watch', try: 'watchScales(model, optimizer)' },
  });
  return new LogTraining(logger, options);
}
