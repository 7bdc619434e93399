import * as tf from '@tensorflow/tfjs-core';
import { show } from './check.ts';
import type { Entry } from './entries.ts';
import { connect, nodeOf } from './node.ts';
import { ratesOf } from './rates.ts';
import { register } from './registry.ts';
import { deserializeOptimizer } from './serialize.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';
import { type Fields, fieldsOf, TfjsState } from './tfjs-state.ts';
import type { UpdateRule } from './update-rule.ts';

const WRAPPER: unique symbol = Symbol.for('tfjs-lrm/wrapper');

/** How the slots of tfjs' optimizers scale with the gradient, by class. */
const GRADIENT_POWERS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Momentum: { momentum: 1 },
  Adagrad: { accumulator: 2 },
  // The second is a mean of squared updates, which tfjs starts from the gradient itself.
  Adadelta: { accum_grad: 2, accum_var: 2 },
  Adam: { m: 1, v: 2 },
  // A maximum of magnitudes, not of squares.
  Adamax: { m: 1, v: 1 },
  // The momentum accumulates updates, which are already divided by √rms.
  RMSProp: { rms: 2, momentum: 0, mg: 1 },
};

/** The rule of tfjs' Adam; its other optimizers have none that is described. */
function ruleOf(optimizer: tf.Optimizer): UpdateRule | null {
  if (optimizer.getClassName() !== 'Adam') return null;
  const { beta1, beta2, epsilon } = optimizer.getConfig();
  return { kind: 'adam', beta1: Number(beta1), beta2: Number(beta2), epsilon: Number(epsilon) };
}

/**
 * One of tfjs' own optimizers under the contract of this package. It keeps the base learning rate itself, and writes
 * base × factor into the optimizer before each step.
 */
export class TfjsOptimizer extends TensorOptimizer {
  static override readonly className: string = 'LrmTfjsOptimizer';

  readonly optimizer: tf.Optimizer;
  readonly #fields: Fields;
  readonly #state: TfjsState;
  /** The rate last seen in the optimizer, and whether it must be written again. */
  #applied: number;
  #isStale = false;

  constructor(optimizer: tf.Optimizer) {
    const fields = fieldsOf(optimizer);
    super(fields.learningRate ?? 0);
    this.optimizer = optimizer;
    this.#fields = fields;
    this.#state = new TfjsState(optimizer);
    this.#applied = fields.learningRate ?? 0;
    connect(this, {
      stateName: optimizer.getClassName(),
      wrapped: optimizer,
      hasHostRate: true,
      store: this.#state,
      ruleOf: () => ruleOf(optimizer),
      toConfig: () => {
        // The live rate includes the schedule's factor; a file holds the base rate, or each save and load would
        // multiply the factor in once more.
        const config = { ...optimizer.getConfig() };
        if ('learningRate' in config) config['learningRate'] = this.learningRate;
        return { className: optimizer.getClassName(), config };
      },
    });
  }

  override get obstacle(): null {
    return null;
  }

  override get gradientPowers(): Readonly<Record<string, number>> {
    return GRADIENT_POWERS[this.optimizer.getClassName()] ?? {};
  }

  override get learningRate(): number {
    this.#noticeAssignment();
    return super.learningRate;
  }

  override set learningRate(value: number) {
    super.learningRate = value;
    this.#applied = this.#fields.learningRate ?? 0;
    this.#isStale = true;
  }

  // A user who holds the wrapped optimizer may assign its rate; what they set is the base rate.
  #noticeAssignment(): void {
    const rate = this.#fields.learningRate;
    if (rate === undefined || rate === this.#applied) return;
    this.#applied = rate;
    this.#isStale = true;
    super.learningRate = rate;
  }

  override beforeStep(): void {
    const rate = nodeOf(this).effectiveRate();
    if (this.#fields.learningRate !== undefined && (rate !== this.#applied || this.#isStale)) {
      this.#applied = rate;
      this.#isStale = false;
      // SGD and Momentum cache −rate in a tensor that only setLearningRate renews.
      const { setLearningRate } = this.#fields;
      if (typeof setLearningRate === 'function') setLearningRate.call(this.optimizer, rate);
      else this.#fields.learningRate = rate;
    }
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    const scaled = entries.flatMap(({ variable, gradient }) => {
      const { learningRate } = ratesOf(variable);
      return gradient === null || learningRate === 1
        ? []
        : [{ variable, factor: learningRate, before: tf.clone(variable) }];
    });
    this.#state.apply(new Map(entries.map(({ variable, gradient }) => [variable, gradient])));
    // tfjs has one rate for all variables. Every rule of tfjs is linear in it.
    for (const { variable, factor, before } of scaled) {
      variable.assign(tf.add(before, tf.mul(tf.sub(variable, before), factor)));
    }
  }

  protected override options(): object {
    return {};
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { inner: { ...nodeOf(this).toConfig() } };
  }
}

register('asTensorOptimizer', TfjsOptimizer, ({ inner }) =>
  asTensorOptimizer(deserializeOptimizer('LrmTfjsOptimizer', inner)),
);

/** True for optimizers that follow the contract of this package. */
export function isTensorOptimizer(optimizer: tf.Optimizer): optimizer is TensorOptimizer {
  return optimizer instanceof TensorOptimizer;
}

/**
 * The optimizer under the contract of this package: itself if it follows the contract, else its wrapper, always the
 * same one. An optimizer that has trained before keeps the moments of the variables that still exist.
 *
 * @throws TypeError for something that is not an optimizer
 * @example
 * asTensorOptimizer(tf.train.adam(1e-3)).slots(kernel); // its moments, by name
 */
export function asTensorOptimizer(optimizer: tf.Optimizer): TensorOptimizer {
  if (isTensorOptimizer(optimizer)) return optimizer;
  const candidate = optimizer as
    | (tf.Optimizer & { [WRAPPER]?: TensorOptimizer })
    | null
    | undefined;
  if (
    typeof candidate?.applyGradients !== 'function' ||
    typeof candidate.getClassName !== 'function'
  ) {
    throw new TypeError(
      `asTensorOptimizer: expected a tf.Optimizer, such as adam() or tf.train.sgd(0.1). Received ${show(optimizer)}.`,
    );
  }
  let wrapper = candidate[WRAPPER];
  if (wrapper === undefined) {
    wrapper = new TfjsOptimizer(candidate);
    Object.defineProperty(candidate, WRAPPER, { value: wrapper, enumerable: false });
  }
  return wrapper;
}
