import * as tf from '@tensorflow/tfjs-core';
import { show } from './check.ts';
import type { Entry } from './entries.ts';
import { deserializeOptimizer } from './serialize.ts';
import { disposeSaved, type Keyed, match, namedSlots, type SavedState } from './state.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';
import { isVariable } from './tfjs-objects.ts';

/** What tfjs' optimizers keep for each variable, in arrays by position in the list of gradients. */
interface PositionalSlot {
  readonly originalName: string;
  variable: tf.Variable;
}

type Fields = Record<string, unknown> & { learningRate?: number; iterations_?: number };

const WRAPPER: unique symbol = Symbol.for('tfjs-lrm/wrapper');

const isSlotArray = (value: unknown): value is PositionalSlot[] =>
  Array.isArray(value) &&
  value.every((item) => isVariable((item as Partial<PositionalSlot> | null)?.variable));

/**
 * One of tfjs' own optimizers under the contract of this package.
 *
 * tfjs keeps moments by position in the list of gradients, so the wrapper always hands over the same list,
 * in which variables without a gradient have a null entry. It keeps the base learning rate apart and
 * writes base × factor into the optimizer before each step, and saves what tfjs' own format loses: which
 * position belongs to which variable, and running powers of the betas (tfjs recomputes them by `pow` on
 * loading, after which a run is no longer the uninterrupted one bit for bit).
 */
export class TfjsOptimizer extends TensorOptimizer {
  static override readonly className: string = 'LrmTfjsOptimizer';

  readonly optimizer: tf.Optimizer;
  readonly #fields: Fields;
  readonly #list: tf.Variable[] = [];
  readonly #position = new Map<tf.Variable, number>();
  /** The rate in the optimizer that was last seen, and whether it must be written once more. */
  #applied: number;
  #isStale = false;
  #saved: SavedState | null = null;

  constructor(optimizer: tf.Optimizer) {
    const fields = optimizer as unknown as Fields;
    super(fields.learningRate ?? 0);
    this.optimizer = optimizer;
    this.#fields = fields;
    this.#applied = fields.learningRate ?? 0;
  }

  override get stateName(): string {
    return this.optimizer.getClassName();
  }

  override inners(): readonly tf.Optimizer[] {
    return [this.optimizer];
  }

  override children(): readonly (readonly [string, TensorOptimizer])[] {
    return [];
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
    const rate = this.learningRate * this.factor;
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
    const gradients = new Map<tf.Variable, tf.Tensor>();
    if (entries.some(({ variable }) => !this.#position.has(variable))) this.#prune();
    for (const { variable, gradient } of entries) {
      this.#place(variable);
      if (gradient !== null) gradients.set(variable, gradient);
    }
    this.#apply(gradients);
  }

  #place(variable: tf.Variable): void {
    if (this.#position.has(variable)) return;
    this.#position.set(variable, this.#list.length);
    this.#list.push(variable);
  }

  /** Frees the slots of variables that no longer exist, and closes the gaps they leave. */
  #prune(): void {
    const arrays = this.#slotArrays();
    for (let at = this.#list.length - 1; at >= 0; at--) {
      if (!(this.#list[at] as tf.Variable).isDisposed) continue;
      this.#list.splice(at, 1);
      for (const array of arrays) tf.dispose(array.splice(at, 1).map(({ variable }) => variable));
    }
    this.#position.clear();
    this.#list.forEach((variable, at) => {
      this.#position.set(variable, at);
    });
  }

  #apply(gradients: ReadonlyMap<tf.Variable, tf.Tensor>): void {
    this.optimizer.applyGradients(
      this.#list.map((variable) => ({
        name: variable.name,
        tensor: (gradients.get(variable) ?? null) as tf.Tensor,
      })),
    );
  }

  #slotArrays(): PositionalSlot[][] {
    return Object.values(this.#fields).filter(
      (value) => isSlotArray(value) && value.length > 0,
    ) as PositionalSlot[][];
  }

  override slots(variable: tf.Variable): ReadonlyMap<string, tf.Variable> {
    const position = this.#position.get(variable);
    if (position === undefined) return new Map();
    return new Map(
      this.#slotArrays().flatMap((array) => {
        const slot = array[position];
        return slot === undefined
          ? []
          : [[slot.originalName.slice(slot.originalName.lastIndexOf('/') + 1), slot.variable]];
      }),
    );
  }

  override slotOwners(): readonly tf.Variable[] {
    return this.#list.filter((variable) => !variable.isDisposed);
  }

  #ownStates(): [string, tf.Variable][] {
    return Object.entries(this.#fields).filter((entry): entry is [string, tf.Variable] =>
      isVariable(entry[1]),
    );
  }

  override exportState(keys: ReadonlyMap<tf.Variable, string>): [string, tf.Variable][] {
    const waiting = this.#saved;
    return [
      ['iter', this.store.number('iter', this.iterations)],
      // Saved states go over into the optimizer with the first slots that are bound.
      ...(waiting !== null && waiting.states.size > 0 ? waiting.states : this.#ownStates()),
      ...[...keys].flatMap(([variable, key]) => namedSlots(key, this.slots(variable))),
      ...[...(waiting?.slots ?? [])].flatMap(([key, slots]) => namedSlots(key, slots)),
    ];
  }

  override stageState(saved: SavedState): void {
    this.#disposeSaved();
    for (const array of this.#slotArrays()) {
      for (const { variable } of array) variable.dispose();
      array.length = 0;
    }
    this.#list.length = 0;
    this.#position.clear();
    this.#saved = saved;
    this.iterations_ = saved.iterations;
    this.#fields.iterations_ = saved.iterations;
  }

  override get isPending(): boolean {
    return this.#saved !== null;
  }

  override waitingNames(): readonly string[] {
    return [...(this.#saved?.slots.keys() ?? [])];
  }

  override planBinding(where: string, variables: readonly Keyed[], namesOnly: boolean): () => void {
    const saved = this.#saved;
    if (saved === null) return () => {};
    const free = variables.filter(({ variable }) => !this.#position.has(variable));
    const pairs = match(where, saved.slots, free, namesOnly);
    return () => {
      for (const variable of pairs.values()) this.#place(variable);
      this.#allocate(saved.states);
      for (const [key, variable] of pairs) {
        const live = this.slots(variable);
        for (const [name, value] of saved.slots.get(key) ?? []) {
          live.get(name)?.assign(value);
          value.dispose();
        }
        saved.slots.delete(key);
      }
      if (saved.slots.size === 0) this.#saved = null;
    };
  }

  // Null gradients change no variable and make tfjs allocate every slot. They count as a step, which is
  // taken back, and advance the powers of the betas, which get the saved values, or their own again.
  #allocate(saved: Map<string, tf.Variable>): void {
    const { iterations_: counted } = this.#fields;
    tf.tidy(() => {
      const kept = this.#ownStates().map(
        ([name, state]) => [state, saved.get(name) ?? tf.clone(state)] as const,
      );
      this.#apply(new Map());
      for (const [state, value] of kept) state.assign(value);
    });
    this.#fields.iterations_ = counted as number;
    tf.dispose([...saved.values()]);
    saved.clear();
  }

  #disposeSaved(): void {
    if (this.#saved !== null) disposeSaved(this.#saved);
    this.#saved = null;
  }

  override toConfig(): { className: string; config: tf.serialization.ConfigDict } {
    // The live rate includes the schedule's factor; a file holds the base rate, or each save and load would
    // multiply the factor in once more.
    const config = { ...this.optimizer.getConfig() };
    if ('learningRate' in config) config['learningRate'] = this.learningRate;
    return { className: this.optimizer.getClassName(), config };
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { inner: this.toConfig() as unknown as tf.serialization.ConfigDict };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    _cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return asTensorOptimizer(
      deserializeOptimizer('LrmTfjsOptimizer', config['inner']),
    ) as unknown as T;
  }

  override dispose(): void {
    if (this.isDisposed) return;
    super.dispose();
    this.#disposeSaved();
    this.optimizer.dispose();
    // Momentum forgets the cached rate that it inherits from SGD.
    const cached = this.#fields['c'] as tf.Tensor | undefined;
    if (cached !== undefined && !cached.isDisposed) cached.dispose();
  }
}

tf.serialization.registerClass(TfjsOptimizer);

/** True for optimizers that follow the contract of this package. */
export function isTensorOptimizer(optimizer: tf.Optimizer): optimizer is TensorOptimizer {
  return optimizer instanceof TensorOptimizer;
}

/**
 * The optimizer under the contract of this package: itself when it follows it, else a wrapper, always the
 * same one for the same optimizer.
 *
 * @throws TypeError for something that is no optimizer
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
