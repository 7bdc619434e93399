import * as tf from '@tensorflow/tfjs-core';
import { OptimizerAdapter } from '@tfjs-lrm/core';
import { deserializeOptimizer, show } from '@tfjs-lrm/core/kit';
import { type Schedule, scheduleFromConfig, scheduleToConfig } from './schedules.ts';

/** The factor at a step; throws when it is no factor. */
function factorAt(schedule: Schedule, step: number): number {
  const value = schedule(step);
  if (!(Number.isFinite(value) && value >= 0)) {
    throw new RangeError(
      `withSchedule: a schedule must return a finite factor >= 0. Received ${show(value)} at step ${step}.`,
    );
  }
  return value;
}

class Scheduled extends OptimizerAdapter {
  static override readonly className: string = 'LrmSchedule';

  readonly #schedule: Schedule;

  constructor(inner: tf.Optimizer, schedule: Schedule) {
    super(inner);
    this.#schedule = schedule;
    this.#passFactor();
  }

  #passFactor(): void {
    const value = factorAt(this.#schedule, this.iterations);
    this.inner.setLearningRateFactor(this.factor * value);
  }

  override setLearningRateFactor(factor: number): void {
    this.factor = factor;
    this.#passFactor();
  }

  override beforeStep(): void {
    this.#passFactor();
    super.beforeStep();
  }

  protected override options(): tf.serialization.ConfigDict {
    const schedule = scheduleToConfig(this.#schedule);
    if (schedule === null) {
      throw new Error(
        'withSchedule: "schedule" holds a bare function, which cannot be saved. Use the schedules of this package, or rebuild the optimizer in code and call setWeights.',
      );
    }
    return { schedule: schedule as unknown as tf.serialization.ConfigDict };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    _cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const inner = deserializeOptimizer('withSchedule', config['inner']);
    return withSchedule(inner, scheduleFromConfig(config['schedule'])) as unknown as T;
  }
}

tf.serialization.registerClass(Scheduled);

/**
 * Multiplies the base learning rate of all optimizers inside by schedule(step), step counted from 0. Setting
 * `learningRate`, at any time, sets the base rate. Nested schedules multiply.
 *
 * @throws TypeError when the schedule is no function; RangeError, before the step, when it returns a
 *   negative or non-finite factor
 * @example
 * withSchedule(tf.train.sgd(0.1), cosine({ steps: 1000 }));
 */
export function withSchedule(optimizer: tf.Optimizer, schedule: Schedule): OptimizerAdapter {
  if (typeof schedule !== 'function') {
    throw new TypeError(
      `withSchedule: the schedule must be a function of the step. Received ${show(schedule)}. Try cosine({ steps: 1000 }).`,
    );
  }
  // Before the optimizer is taken, so that it stays free when the schedule is wrong from the start.
  factorAt(schedule, 0);
  return new Scheduled(optimizer, schedule);
}
