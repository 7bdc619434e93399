import * as tf from '@tensorflow/tfjs-core';
import { numberRule, show } from './check.ts';
import { type Entry, type Gradients, toEntries } from './entries.ts';
import { MirroredScalar } from './mirrored-scalar.ts';
import { assertUsable, childrenOf, connect, nodeOf } from './node.ts';
import { announce, hostHalf, refuseHostNumber, tensorHalf } from './recording.ts';
import { assertRegistered, ownClassName, unregistered } from './registry.ts';
import { type NamedTensor, Saving } from './saving.ts';
import { ScaledRates } from './scaled-rates.ts';

const rateRule = numberRule({ min: 0, try: '1e-3' });

function checkRate(className: string, value: unknown): void {
  const broken = rateRule(value);
  if (broken === null) return;
  throw new RangeError(
    `${className}: learningRate must ${broken.must}. Received ${show(value)}. Try ${broken.try}.`,
  );
}

/**
 * The base of every optimizer here: a `tf.Optimizer` whose step has a host half and a tensor half.
 *
 * `beforeStep()` is the host half: it writes the effective learning rate (base rate times the schedules' factor) into
 * scalar variables and counts the step. `update(entries)` is the tensor half: tensor operations only.
 * `applyGradients` calls the first, then the second inside `tidy`, so that the tensor half can be recorded once and
 * replayed, and nothing waits for the device. State belongs to variables, not to positions, so the set and order of
 * gradients may change from step to step.
 *
 * A subclass defines `update`, `options` and a static `className` without underscores, and is registered with
 * `optimizer(name, Class, rules)`, which takes care of checking options, saving and loading.
 *
 * @example
 * import { optimizer } from '@tfjs-lrm/core';
 * class SignDescent extends TensorOptimizer {
 *   static override readonly className: string = 'SignDescent';
 *   constructor({ learningRate = 0.1 }) { super(learningRate); }
 *   override get obstacle() { return null; }
 *   override update(entries: readonly Entry[]): void {
 *     for (const { variable, gradient } of entries) {
 *       if (gradient !== null) variable.assign(tf.sub(variable, tf.mul(this.rateOf(variable), tf.sign(gradient))));
 *     }
 *   }
 *   protected override options() { return {}; }
 * }
 * const signDescent = optimizer('signDescent', SignDescent, { learningRate: numberRule({ min: 0, try: '0.1' }) });
 */
export abstract class TensorOptimizer extends tf.Optimizer {
  static readonly className: string = 'LrmTensorOptimizer';

  /**
   * tf.Optimizer implements instanceof by duck typing, which subclasses inherit: without this, every optimizer would be
   * an instance of every class here. Comparing names makes it work across two copies of a package.
   */
  static override [Symbol.hasInstance](candidate: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: in a subclass, this is that subclass
    const cls = this as { className?: unknown };
    for (
      let prototype: unknown = candidate;
      typeof prototype === 'object' && prototype !== null;
      prototype = Object.getPrototypeOf(prototype)
    ) {
      const { constructor: candidateClass } = prototype as {
        constructor?: { className?: unknown };
      };
      if (
        candidateClass !== undefined &&
        Object.hasOwn(candidateClass, 'className') &&
        candidateClass.className === cls.className
      ) {
        return Object.hasOwn(cls, 'className');
      }
    }
    return false;
  }

  /** Replaced by `optimizer()` and `adapter()`, which know how to build the class from its options. */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    _config: tf.serialization.ConfigDict,
  ): T {
    throw unregistered(cls.className);
  }

  #base: number;
  readonly #rates: ScaledRates = new ScaledRates();
  readonly #factor: MirroredScalar = new MirroredScalar();
  readonly #saving: Saving;
  #disposed = false;

  constructor(learningRate: number) {
    super();
    ownClassName(new.target);
    checkRate(this.getClassName(), learningRate);
    this.#base = learningRate;
    this.#saving = new Saving(this);
    connect(this, { bind: (...given) => this.#saving.bind(...given) });
  }

  // For authors: what every optimizer defines

  /** The tensor half of a step. Entries without a gradient change nothing. */
  abstract update(entries: readonly Entry[]): void;

  /** The options except the learning rate, as plain data, for `getConfig`. */
  protected abstract options(): object;

  /**
   * Why this optimizer's own part of a step cannot be recorded and replayed, with advice; null if it can, because
   * `update` runs the same operations in every step, whatever the state of JavaScript. The default refuses.
   */
  get obstacle(): string | null {
    return `${this.getClassName()} does not say whether its update does the same operations in every step. Give the class "override get obstacle() { return null; }" if it does, else the reason why it cannot be recorded.`;
  }

  /**
   * Which of its forms `update` takes in the next step, of an optimizer that does other operations in some steps, as
   * one that sums gradients and moves the weights in every fourth. A compiled step is recorded in each form.
   */
  get phase(): string {
    return '';
  }

  /**
   * The power of the gradient by which each slot scales: 1 for a mean of gradients, 2 for a mean of their squares, −1
   * for what scales like the variable, 0 for what does not scale. A slot without an entry cannot follow a rescaled
   * variable.
   */
  get gradientPowers(): Readonly<Record<string, number>> {
    return {};
  }

  /** The slot of a variable under a name, created by `init` (default: zeros like the variable) on first use. */
  protected slot(variable: tf.Variable, name: string, init?: () => tf.Tensor): tf.Variable {
    return nodeOf(this).store.slot(variable, name, init ?? (() => tf.zerosLike(variable)));
  }

  /** A state of the optimizer itself, saved with it; starts as zeros. */
  protected state(
    name: string,
    shape: number[],
    dtype: 'float32' | 'int32' | 'bool' = 'float32',
  ): tf.Variable {
    return nodeOf(this).store.state(name, () => tf.zeros(shape, dtype));
  }

  // For authors: what some define

  /** Throws if a step cannot be taken with these entries, here or inside, before anything changes. */
  check(entries: readonly Entry[]): void {
    const { route } = nodeOf(this);
    for (const child of childrenOf(this)) {
      child.check(entries.filter(({ variable }) => route(variable) === child));
    }
  }

  /** The host half of a step, here and inside. Called once a step, on the outermost optimizer. */
  beforeStep(): void {
    const { factor } = nodeOf(this);
    this.#rates.write(nodeOf(this).effectiveRate());
    this.#factor.write(factor);
    for (const child of childrenOf(this)) child.beforeStep();
    this.incrementIterations();
  }

  /** Whether this optimizer updates the variable by its own rule, rather than leaving it to another one. */
  accepts(_variable: tf.Variable): boolean {
    return true;
  }

  /** Whether an adapter assigns to variables itself, besides what the optimizer inside does. */
  get assignsVariables(): boolean {
    return false;
  }

  // Learning rate

  /** The base learning rate, before any schedule's factor. Setting it takes effect at the next step. */
  get learningRate(): number {
    refuseHostNumber(
      this.getClassName(),
      'learningRate',
      'Try this.rateOf(variable), a scalar variable.',
    );
    return this.#base;
  }

  set learningRate(value: number) {
    checkRate(this.getClassName(), value);
    this.#base = value;
  }

  /** Sets the base learning rate; takes effect at the next step. */
  setLearningRate(value: number): void {
    this.learningRate = value;
  }

  /**
   * The learning rate of a variable in this step as a scalar variable: the base rate times the schedules' factor times
   * the variable's own (`setRates`). Equal factors have the same scalar. Never dispose it.
   */
  rateOf(variable: tf.Variable): tf.Scalar {
    return this.#rates.of(
      variable,
      hostHalf(() => nodeOf(this).effectiveRate()),
    );
  }

  /** The schedules' factor as a scalar variable. Never dispose it. */
  get rateFactor(): tf.Scalar {
    return this.#factor.read(nodeOf(this).factor);
  }

  // The interface of tf.Optimizer

  /** The number of steps taken. */
  override get iterations(): number {
    refuseHostNumber(
      this.getClassName(),
      'iterations',
      'Count in a state variable, or give "obstacle" a reason why it cannot be recorded.',
    );
    return super.iterations;
  }

  /**
   * Applies gradients, given as a map or as a list with variable names.
   *
   * @throws Error for a name that is not a variable's or comes twice, for a gradient of another shape, and if restored
   *   state does not fit the variables; nothing has changed then
   */
  override applyGradients(gradients: Gradients): void {
    assertUsable(this);
    const entries = toEntries(this.getClassName(), gradients);
    const variables = entries.map(({ variable }) => variable);
    this.#saving.bindStep(variables, () => this.check(entries));
    if (!announce(this)) tf.tidy(() => this.beforeStep());
    tf.tidy(() => tensorHalf(() => this.update(entries)));
  }

  /** The slots of a variable by name; empty when it has none here. */
  slots(variable: tf.Variable): ReadonlyMap<string, tf.Variable> {
    return nodeOf(this).store.slotsOf(variable);
  }

  /** The learning rate and the options as plain data. */
  override getConfig(): tf.serialization.ConfigDict {
    assertRegistered(this, TensorOptimizer.fromConfig);
    return { learningRate: this.learningRate, ...this.options() };
  }

  /**
   * All state as named tensors, `iter` first, under the names of the saved format. The tensors are the live variables:
   * copy them to keep them, and do not dispose of them.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    return this.#saving.weights();
  }

  /**
   * Restores state that `getWeights` returned, here or in another process. It is bound to variables at the first step,
   * or at once by `bindState`. The tensors are copied.
   *
   * @throws Error for a tensor that belongs to no optimizer here; the current state stays then
   */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    await this.#saving.take(weightValues);
  }

  /** Frees all state, here and in the optimizers inside, but not the trained variables. */
  override dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    nodeOf(this).store.dispose();
    this.#rates.dispose();
    this.#factor.dispose();
    for (const child of childrenOf(this)) child.dispose();
  }

  /** True after `dispose()`. */
  get isDisposed(): boolean {
    return this.#disposed;
  }
}
