import type * as tf from '@tensorflow/tfjs-core';
import { adapter, OptimizerAdapter } from '@tfjs-lrm/core';
import { anyRule, connect, nodeOf, show, treeOf } from '@tfjs-lrm/core/kit';
import { type Schedule, scheduleFromConfig, scheduleToConfig } from './registry.ts';

/** The factor at a step; throws if the schedule returns something else. */
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

  constructor(inner: tf.Optimizer, { schedule }: { readonly schedule: Schedule }) {
    super(inner);
    this.#schedule = schedule;
    const node = connect(this, {
      setFactor: (factor) => {
        node.factor = factor;
        this.#passFactor();
      },
    });
    this.#passFactor();
  }

  #passFactor(): void {
    const value = factorAt(this.#schedule, this.iterations);
    nodeOf(this.inner).setFactor(nodeOf(this).factor * value);
  }

  override get obstacle(): string | null {
    const node = treeOf(this.inner)
      .map(nodeOf)
      .find(({ hasHostRate }) => hasHostRate);
    if (node === undefined) return null;
    return `${(node.wrapped ?? node.optimizer).getClassName()} of tfjs cannot stand under a schedule, because its learning rate is a number of JavaScript, which a recorded step repeats. Try adam() of @tfjs-lrm/adam, whose rate is a variable.`;
  }

  override beforeStep(): void {
    this.#passFactor();
    super.beforeStep();
  }

  protected override options(): object {
    const schedule = scheduleToConfig(this.#schedule);
    if (schedule === null) {
      throw new Error(
        'withSchedule: "schedule" holds a bare function, which cannot be saved. Use the schedules of this package, make your own by schedule(name, make, rules), or rebuild the optimizer in code and call setWeights.',
      );
    }
    return { schedule };
  }
}

const makeScheduled = adapter(
  'withSchedule',
  Scheduled,
  { schedule: anyRule },
  { read: ({ schedule }) => ({ schedule: scheduleFromConfig(schedule) }) },
);

/**
 * Multiplies the base learning rate of all optimizers inside by schedule(step), step counted from 0. Setting
 * `learningRate`, at any time, sets the base rate. Nested schedules multiply.
 *
 * @throws TypeError if the schedule is not a function; RangeError, before the step, if it returns a
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
  // Checked before the optimizer is taken, so that a schedule that is wrong from the start leaves it free.
  factorAt(schedule, 0);
  return makeScheduled(optimizer, { schedule });
}
