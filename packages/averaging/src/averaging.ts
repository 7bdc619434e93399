import * as tf from '@tensorflow/tfjs-core';
import { adapter, type Entry, OptimizerAdapter } from '@tfjs-lrm/core';
import { booleanRule, numberRule, oneOfRule } from '@tfjs-lrm/core/kit';

/** @inline */
interface AveragingOptions {
  /** Whether later weights count for more, or all count the same. */
  readonly average?: 'exponential' | 'equal' | undefined;
  /** For an exponential average: the share of the old average that is kept each time. */
  readonly decay?: number | undefined;
  /** For an exponential average: whether the weight of the first values is corrected for. */
  readonly debias?: boolean | undefined;
  /** The first step after which weights count, from 0. */
  readonly start?: number | undefined;
  /** After how many steps weights count again. */
  readonly every?: number | undefined;
}

/** The slot of the averages. */
export const AVERAGE = 'average';

export class Averaging extends OptimizerAdapter {
  static override readonly className: string = 'LrmAveraging';

  readonly #options: Required<{
    [option in keyof AveragingOptions]: NonNullable<AveragingOptions[option]>;
  }>;
  #counts = false;

  constructor(inner: tf.Optimizer, options: AveragingOptions) {
    super(inner);
    const { average = 'exponential', decay = 0.999, debias = true, start = 0, every = 1 } = options;
    this.#options = { average, decay, debias, start, every };
  }

  override get obstacle(): null {
    return null;
  }

  override get phase(): string {
    return this.#countsAt(this.iterations) ? 'averaging' : 'passing';
  }

  override get gradientPowers(): Readonly<Record<string, number>> {
    return { [AVERAGE]: -1 };
  }

  #countsAt(step: number): boolean {
    const { start, every } = this.#options;
    return step >= start && (step - start) % every === 0;
  }

  /** The sum of the weights of all values averaged so far, including this step's, and the share of the latter. */
  #nextShare(): tf.Tensor {
    const { average, decay, debias } = this.#options;
    const total = this.state('total', []);
    if (average === 'equal') {
      total.assign(tf.add(total, 1));
      return tf.div(1, total);
    }
    if (!debias) return tf.scalar(1 - decay);
    total.assign(tf.add(tf.mul(total, decay), 1 - decay));
    return tf.div(1 - decay, total);
  }

  override beforeStep(): void {
    this.#counts = this.#countsAt(this.iterations);
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    super.update(entries);
    if (!this.#counts) return;
    const share = this.#nextShare();
    for (const { variable } of entries) {
      // The first average is the weights themselves, whatever the share.
      const average = this.slot(variable, AVERAGE, () => tf.clone(variable));
      average.assign(tf.add(average, tf.mul(tf.sub(variable, average), share)));
    }
  }

  protected override options(): object {
    return this.#options;
  }
}

/**
 * Keeps a running average of each weight. After step t, with w the new weights and n = 1, 2, … the number of values
 * averaged so far,
 *
 *   a ← a + s_n · (w − a),   s_n = 1 / n                          'equal' (Izmailov et al., 2018)
 *                            s_n = (1 − decay) / (1 − decay^n)    'exponential'
 *                            s_n = 1 − decay from n = 2 on        'exponential' without `debias`
 *
 * where the steps start, start + every, start + 2·every, … count. The second is the exponential average divided by the
 * sum of its weights, like `optax.ema` with `debias`; the third begins at the first weights, like PyTorch's
 * `get_ema_avg_fn`. Training itself is unchanged: `withAverages` puts the averages in place of the weights.
 *
 * Inside `reparametrize` it averages W and its factors, around it the effective kernels. For layers with multipliers,
 * the kernel and the factors are averaged separately. Cost: one copy of each weight, and three operations per weight in
 * the steps that count.
 *
 * @param options average 'exponential'; decay 0.999 each time; debias true; start at step 0; every 1 step
 * @throws RangeError for an unknown option or a value out of range
 * @example
 * const optimizer = withAveraging(adam({ learningRate: 1e-3 }), { decay: 0.99 });
 * model.compile({ optimizer, loss: 'meanSquaredError' });
 */
export const withAveraging: (
  optimizer: tf.Optimizer,
  options?: AveragingOptions,
) => OptimizerAdapter = adapter('withAveraging', Averaging, {
  average: oneOfRule(['exponential', 'equal']),
  decay: numberRule({ min: 0, max: 1, try: '0.999' }),
  debias: booleanRule(true),
  start: numberRule({ min: 0, integer: true, try: '0' }),
  every: numberRule({ min: 1, integer: true, try: '1' }),
});
