import * as tf from '@tensorflow/tfjs-core';
import { Failure } from '@tfjs-lrm/shared/portable';
import type { Scale } from './matrix-scales.ts';

/** What is known after a step. Losses are nats a character. */
export interface StepRecord {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly validationLoss?: number;
  /** Root mean square of each matrix after the step. */
  readonly scales?: Readonly<Record<string, Scale>>;
}

interface Pending {
  readonly step: number;
  readonly loss: tf.Scalar;
  readonly rate: tf.Tensor;
}

/**
 * The losses of steps, and how long a step takes. They stay on the device until they are read, several at a time, since
 * reading one waits for the device.
 */
export class Losses {
  readonly #backend: string;
  /** Of a step, as a mean over those between two reads: without a read, steps may still be under way on the device. */
  readonly #times: number[] = [];
  #pending: Pending[] = [];
  #began = 0;
  #elapsed = 0;
  #steps = 0;

  constructor(backend: string) {
    this.#backend = backend;
  }

  /** Starts the clock of a step. */
  begin(): void {
    this.#began = performance.now();
  }

  /** Stops it. */
  end(): void {
    this.#elapsed += performance.now() - this.#began;
    this.#steps++;
    if (this.#pending.length > 0) return;
    this.#times.push(this.#elapsed / this.#steps);
    [this.#elapsed, this.#steps] = [0, 0];
  }

  /** Takes the loss of a step and the learning rate that it was taken with. */
  add(step: number, loss: tf.Scalar, rate: tf.Tensor): void {
    this.#pending.push({ step, loss, rate: tf.clone(rate) });
  }

  /** Median time of a step until the last read, without evaluation. */
  get msPerStep(): number {
    return this.#times.toSorted((a, b) => a - b)[Math.floor(this.#times.length / 2)] ?? 0;
  }

  /**
   * The records of the steps since the last call.
   *
   * @throws Failure for a loss that is not finite
   */
  async read(): Promise<StepRecord[]> {
    const pending = this.#pending;
    this.#pending = [];
    const pairs = pending.flatMap(({ loss, rate }) => [loss, rate]);
    const values = tf.stack(pairs);
    const numbers = await values.data();
    tf.dispose([values, ...pairs]);
    const records = pending.map(({ step }, i) => ({
      step,
      loss: numbers[2 * i] as number,
      learningRate: numbers[2 * i + 1] as number,
    }));
    const bad = records.find(({ loss }) => !Number.isFinite(loss));
    if (bad !== undefined)
      throw new Failure(
        `the loss of step ${bad.step} is ${bad.loss}, at a learning rate of ${bad.learningRate.toPrecision(3)}, on ${this.#backend}`,
      );
    return records;
  }
}
