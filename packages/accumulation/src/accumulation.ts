import * as tf from '@tensorflow/tfjs-core';
import { adapter, type Entry, OptimizerAdapter } from '@tfjs-lrm/core';
import {
  assertUsable,
  isRecording,
  MirroredScalar,
  nodeOf,
  numberRule,
  oneOfRule,
  show,
} from '@tfjs-lrm/core/kit';

/** @inline */
interface AccumulationOptions {
  /** How many micro-batches make a step. */
  readonly steps: number;
  /** How their gradients are combined. */
  readonly reduce?: 'mean' | 'sum' | undefined;
}

/** An adapter that makes one step of several micro-batches. */
export interface AccumulationOptimizer extends OptimizerAdapter {
  /**
   * How many examples the next micro-batches have, or any other weight for them; 1 until it is set. Set it where
   * batches differ in size, so that the mean is over examples.
   */
  examples: number;
  /** Takes the step now, with the micro-batches so far; does nothing when there are none. */
  flush(): void;
}

const SUM = 'sum';
const weightRule = numberRule({ min: 0, exclusive: true, try: 'x.shape[0]' });

class Accumulation extends OptimizerAdapter implements AccumulationOptimizer {
  static override readonly className: string = 'LrmAccumulation';

  readonly #steps: number;
  readonly #reduce: 'mean' | 'sum';
  #examples = 1;
  readonly #weight = new MirroredScalar();
  /** Sums that have received nothing since the last step. */
  readonly #empty = new WeakSet<tf.Variable>();
  #isFirst = false;
  #isLast = false;

  constructor(inner: tf.Optimizer, { steps, reduce = 'mean' }: AccumulationOptions) {
    super(inner);
    this.#steps = steps;
    this.#reduce = reduce;
  }

  get examples(): number {
    return this.#examples;
  }

  set examples(value: number) {
    const broken = weightRule(value);
    if (broken !== null) {
      throw new RangeError(
        `withAccumulation: examples must ${broken.must}. Received ${show(value)}. Try ${broken.try}.`,
      );
    }
    this.#examples = value;
  }

  override get obstacle(): null {
    return null;
  }

  override get phase(): string {
    return this.#isLastAt(this.iterations) ? 'step' : 'sum';
  }

  override get gradientPowers(): Readonly<Record<string, number>> {
    return { [SUM]: 1 };
  }

  #isLastAt(iterations: number): boolean {
    return (iterations + 1) % this.#steps === 0;
  }

  /** The optimizers inside see only the last micro-batch of a step, so their schedules and counts are in steps. */
  override beforeStep(): void {
    this.#isFirst = this.iterations % this.#steps === 0;
    this.#isLast = this.#isLastAt(this.iterations);
    this.#weight.write(this.#examples);
    if (this.#isLast) super.beforeStep();
    else this.incrementIterations();
  }

  override update(entries: readonly Entry[]): void {
    const weight = this.#weight.read(this.#examples);
    const total = this.state('examples', []);
    total.assign(tf.add(total, weight));
    if (this.#isFirst)
      for (const variable of this.#owners()) this.#empty.add(this.slot(variable, SUM));
    for (const { variable, gradient } of entries) {
      if (gradient === null) continue;
      const sum = this.slot(variable, SUM);
      sum.assign(tf.add(sum, tf.mul(gradient, weight)));
      this.#empty.delete(sum);
    }
    if (this.#isLast) this.#step(entries.map(({ variable }) => variable));
  }

  #owners(): readonly tf.Variable[] {
    return nodeOf(this).store.owners();
  }

  #step(variables: readonly tf.Variable[]): void {
    const total = this.state('examples', []);
    this.inner.update(
      variables.map((variable) => ({ variable, gradient: this.#gradientOf(variable, total) })),
    );
    for (const variable of this.#owners()) {
      const sum = this.slot(variable, SUM);
      sum.assign(tf.zerosLike(sum));
    }
    total.assign(tf.zerosLike(total));
  }

  /** The combined gradient of a variable; null where no micro-batch had a gradient for it, or where it is frozen. */
  #gradientOf(variable: tf.Variable, total: tf.Tensor): tf.Tensor | null {
    const sum = this.slots(variable).get(SUM);
    // While a step is recorded, other micro-batches may have added to it by operations that JavaScript did not see.
    const isEmpty = sum === undefined || (this.#empty.has(sum) && !isRecording());
    if (isEmpty || !variable.trainable) return null;
    return this.#reduce === 'mean' ? tf.div(sum, total) : tf.clone(sum);
  }

  flush(): void {
    assertUsable(this);
    const taken = this.iterations % this.#steps;
    if (taken === 0) return;
    tf.tidy(() => {
      // Counts skipped micro-batches as if they had been taken.
      this.iterations_ += this.#steps - taken - 1;
      super.beforeStep();
      this.#step(this.#owners());
    });
  }

  protected override options(): object {
    return { steps: this.#steps, reduce: this.#reduce };
  }

  override dispose(): void {
    super.dispose();
    this.#weight.dispose();
  }
}

const accumulate = adapter('withAccumulation', Accumulation, {
  steps: numberRule({ min: 1, integer: true, try: '4' }),
  reduce: oneOfRule(['mean', 'sum']),
});

/**
 * Makes one step from the gradients of several micro-batches: a large batch where memory holds only a small one. With
 * g_i the gradient of micro-batch i and n_i its number of examples, the optimizer inside gets, once in `steps` calls,
 *
 *   Σ n_i·g_i / Σ n_i   'mean'; the gradient of the whole batch where the loss is a mean over examples
 *   Σ n_i·g_i           'sum'
 *
 * and nothing changes in the other calls. Schedules and decay inside count steps. It belongs outermost: clipping inside
 * it clips the gradient of the whole batch, clipping around it clips each micro-batch separately; a schedule around it
 * counts micro-batches. `iterations` counts micro-batches, including those that `flush()` skips. An unfinished sum is
 * saved and resumed. When compiled, each of the two kinds of call is recorded.
 *
 * Cost: one copy of each gradient, and two operations per gradient and call.
 *
 * @param options steps, how many micro-batches make a step; reduce 'mean'
 * @throws RangeError for an unknown option or a value out of range
 * @example
 * const optimizer = withAccumulation(adam({ learningRate: 1e-3 }), { steps: 4 });
 * model.compile({ optimizer, loss: 'meanSquaredError' });
 * await model.fit(x, y, { batchSize: 8 });
 * optimizer.flush(); // the micro-batches that are left over
 */
export function withAccumulation(
  optimizer: tf.Optimizer,
  options: AccumulationOptions,
): AccumulationOptimizer {
  if (options?.steps === undefined) {
    throw new RangeError(
      `withAccumulation: "steps" must say how many micro-batches make a step. Received ${show(options)}. Try withAccumulation(optimizer, { steps: 4 }).`,
    );
  }
  return accumulate(optimizer, options);
}
