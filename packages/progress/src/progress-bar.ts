import * as tf from '@tensorflow/tfjs-core';
import { CustomCallback, type LayersModel } from '@tensorflow/tfjs-layers';
import { effectiveLearningRate, learningRate } from '@tfjs-lrm/core';
import { checkOptions, numberRule } from '@tfjs-lrm/core/kit';
import { colored, lineOf, type Progress } from './line.ts';
import { type ProgressWriter, standardWriter } from './writer.ts';

/** The options of `progressBar`. */
export interface ProgressOptions {
  /** Where to write; the standard error of Node by default, and nowhere in a browser. */
  readonly writer?: ProgressWriter | undefined;
  /**
   * Milliseconds between two drawings; 100 on a terminal, 30,000 elsewhere. Each epoch ends with a line in any case.
   */
  readonly interval?: number | undefined;
  /** Tokens in each example, to show tokens per second instead of examples. */
  readonly tokensPerExample?: number | undefined;
}

type Values = Readonly<Record<string, number>>;
type Logs = Readonly<Record<string, number | tf.Scalar>>;

const NOT_SHOWN = ['batch', 'size'];
const PLAIN_WIDTH = Number.POSITIVE_INFINITY;

const writerRule = (value: unknown) =>
  typeof (value as Partial<ProgressWriter> | null)?.write === 'function'
    ? null
    : { must: 'have a function "write"', try: '{ write: (text) => …, isTerminal: false }' };

/** The numbers in the logs, read from clones: tfjs disposes of the scalars when it continues. */
async function valuesIn(logs: Logs): Promise<Values> {
  const entries = Object.entries(logs).filter(([name]) => !NOT_SHOWN.includes(name));
  const copies = entries.map(([name, value]): [string, number | tf.Tensor] => [
    name,
    typeof value === 'number' ? value : tf.clone(value),
  ]);
  try {
    const numbers = await Promise.all(
      copies.map(
        async ([name, value]): Promise<[string, number]> => [
          name,
          typeof value === 'number' ? value : ((await value.data())[0] as number),
        ],
      ),
    );
    return Object.fromEntries(numbers);
  } finally {
    for (const [, value] of copies) if (typeof value !== 'number') value.dispose();
  }
}

/** A tfjs callback: like one without functions, it yields to the event loop as `fit` does by default. */
class ProgressBar extends CustomCallback {
  readonly #writer: ProgressWriter;
  readonly #interval: number;
  readonly #tokens: number | undefined;
  #model: LayersModel | null = null;
  #epoch = 0;
  #isInEpoch = false;
  #firstEpoch = 0;
  #step = 0;
  /** Steps in an epoch: those of the previous epoch where tfjs does not say. */
  #counted: number | null = null;
  #stepsOfRun = 0;
  #examples = 0;
  #runStart = 0;
  #epochStart = 0;
  #lastDrawing = 0;
  #values: Values = {};
  #isReading = false;
  /** The values read at the ends of epochs, one after the other. */
  #lines: Promise<void> = Promise.resolve();

  constructor(writer: ProgressWriter, { interval, tokensPerExample }: ProgressOptions) {
    super({});
    this.#writer = writer;
    this.#interval = interval ?? (writer.isTerminal ? 100 : 30_000);
    this.#tokens = tokensPerExample;
  }

  override setModel(model: Parameters<CustomCallback['setModel']>[0]): void {
    this.#model = model as LayersModel;
  }

  override async onTrainBegin(): Promise<void> {
    this.#firstEpoch = Number(this.params['initialEpoch'] ?? 0);
    this.#stepsOfRun = 0;
    this.#counted = null;
    this.#lines = Promise.resolve();
    this.#runStart = performance.now();
  }

  override async onEpochBegin(epoch: number): Promise<void> {
    await super.onEpochBegin(epoch);
    this.#epoch = epoch;
    this.#isInEpoch = true;
    this.#step = 0;
    this.#examples = 0;
    this.#values = {};
    this.#epochStart = performance.now();
    this.#lastDrawing = this.#epochStart;
  }

  override async onBatchEnd(batch: number, logs: Logs = {}): Promise<void> {
    this.#step++;
    this.#stepsOfRun++;
    const { size } = logs;
    if (typeof size === 'number') this.#examples += size;
    if (performance.now() - this.#lastDrawing >= this.#interval && !this.#isReading) {
      this.#lastDrawing = performance.now();
      void this.#draw(this.#epoch, logs);
    }
    await super.onBatchEnd(batch, logs);
  }

  override async onEpochEnd(epoch: number, logs: Logs = {}): Promise<void> {
    this.#isInEpoch = false;
    this.#counted = this.#step;
    const progress = this.#progress(true);
    const reading = valuesIn(logs);
    // Nothing waits for the numbers here: `fit` itself reads them after the last epoch.
    this.#lines = Promise.all([reading, this.#lines]).then(([values]) =>
      this.#write({ ...progress, values }, true),
    );
    this.#lines.catch(() => {});
    await super.onEpochEnd(epoch, logs);
  }

  override async onTrainEnd(): Promise<void> {
    await this.#lines;
  }

  /** Draws when the numbers of this step arrive, unless the epoch is over by then. */
  async #draw(epoch: number, logs: Logs): Promise<void> {
    this.#isReading = true;
    try {
      const values = await valuesIn(logs);
      if (this.#epoch !== epoch || !this.#isInEpoch) return;
      this.#values = values;
      this.#write(this.#progress(false), false);
    } catch {
      // The same read fails in `fit`, which reports it.
    } finally {
      this.#isReading = false;
    }
  }

  get #steps(): number | null {
    const { steps, samples, batchSize } = this.params;
    if (typeof steps === 'number') return steps;
    if (typeof samples === 'number' && typeof batchSize === 'number') {
      return Math.ceil(samples / batchSize);
    }
    return this.#counted;
  }

  #progress(isFinished: boolean): Progress {
    const now = performance.now();
    const epochSeconds = (now - this.#epochStart) / 1000;
    const epochs = Number(this.params['epochs']);
    const steps = this.#steps;
    const left = steps === null ? null : (epochs - this.#firstEpoch) * steps - this.#stepsOfRun;
    const secondsLeft =
      left === null ? null : (left * (now - this.#runStart)) / 1000 / Math.max(this.#stepsOfRun, 1);
    return {
      epoch: this.#epoch + 1,
      epochs,
      step: this.#step,
      steps,
      values: this.#values,
      learningRate: this.#learningRate(),
      perSecond:
        this.#examples > 0 && epochSeconds > 0
          ? (this.#examples * (this.#tokens ?? 1)) / epochSeconds
          : null,
      unit: this.#tokens === undefined ? 'ex' : 'tok',
      seconds: isFinished ? epochSeconds : secondsLeft,
      isFinished,
    };
  }

  /** Null where there is none, which core reports as 0. */
  #learningRate(): number | null {
    const { optimizer } = this.#model as LayersModel;
    return learningRate(optimizer) === 0 ? null : effectiveLearningRate(optimizer);
  }

  #write(progress: Progress, isEnd: boolean): void {
    const { isTerminal, hasColors, columns = 80 } = this.#writer;
    // The last column stays empty: some terminals wrap the line there.
    const line = lineOf(progress, isTerminal ? Math.max(columns - 1, 1) : PLAIN_WIDTH);
    const text = isTerminal && hasColors === true ? colored(line) : line;
    this.#writer.write(isTerminal ? `\r${text}\u001b[K${isEnd ? '\n' : ''}` : `${text}\n`);
  }
}

/**
 * A callback that shows the progress of `model.fit` or `fitDataset`: epoch, steps, loss, metrics, the effective
 * learning rate, examples or tokens per second, and the time left.
 *
 * On a terminal it is one line that is overwritten; elsewhere it is one line per epoch and per half minute. It never
 * waits for the device: loss and metrics are read alongside training, at most one step at a time, and shown when they
 * arrive. In a browser it does nothing without a writer. Give `verbose: 0` to `fit` in tfjs-node, which has its own
 * bar.
 *
 * @param options writer; interval in milliseconds; tokensPerExample
 * @returns a callback for one `fit` at a time; it can be used again afterwards
 * @throws RangeError or TypeError for a wrong option
 * @example
 * await model.fit(x, y, { epochs: 2, verbose: 0, callbacks: [progressBar()] });
 */
export function progressBar(options: ProgressOptions = {}): CustomCallback {
  checkOptions('progressBar', options, {
    writer: writerRule,
    interval: numberRule({ min: 0, try: '100' }),
    tokensPerExample: numberRule({ min: 0, exclusive: true, try: '128' }),
  });
  const writer = options.writer ?? standardWriter();
  return writer === null ? new CustomCallback({}) : new ProgressBar(writer, options);
}
