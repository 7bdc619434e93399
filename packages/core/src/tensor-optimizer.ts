import * as tf from '@tensorflow/tfjs-core';
import { numberRule, show } from './check.ts';
import { type Entry, type Gradients, toEntries } from './entries.ts';
import { MirroredScalar } from './mirrored-scalar.ts';
import { announce } from './recording.ts';
import { explicitRole, ROLES, type Role, recordRole } from './roles.ts';
import { type Keyed, keyed, parse, type SavedState } from './state.ts';
import { StateStore } from './state-store.ts';

type NamedTensor = Awaited<ReturnType<tf.Optimizer['getWeights']>>[number];

const rateRule = numberRule({ min: 0, try: '1e-3' });

/**
 * The base of every optimizer here: a `tf.Optimizer` whose step has a host half and a tensor half.
 *
 * `beforeStep()` does what JavaScript numbers must do: write the effective learning rate (base rate times
 * the schedules' factor) into a scalar variable, count the step. `update(entries)` is tensor operations
 * only. `applyGradients` calls the one, then the other inside `tidy`, so the tensor half can be recorded
 * once and replayed, and nothing waits for the device. State is kept by variable, not by position, so the
 * set and order of gradients may change from step to step.
 *
 * A subclass gives `update`, `getConfig`, a static `className` without underscores, and `fromConfig`.
 *
 * @example
 * class SignDescent extends TensorOptimizer {
 *   static override readonly className: string = 'SignDescent';
 *   override update(entries: readonly Entry[]): void {
 *     for (const { variable, gradient } of entries) {
 *       if (gradient !== null) variable.assign(tf.sub(variable, tf.mul(this.rate, tf.sign(gradient))));
 *     }
 *   }
 *   override getConfig() { return { learningRate: this.learningRate }; }
 * }
 */
export abstract class TensorOptimizer extends tf.Optimizer {
  static readonly className: string = 'LrmTensorOptimizer';

  /**
   * tf.Optimizer answers instanceof by duck typing, which subclasses inherit: without this every optimizer
   * would be an instance of every class here. Comparing names also makes two copies of a package agree.
   */
  static override [Symbol.hasInstance](candidate: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: subclasses inherit this and ask for themselves
    const asked = this as { className?: unknown };
    for (
      let at: unknown = candidate;
      typeof at === 'object' && at !== null;
      at = Object.getPrototypeOf(at)
    ) {
      const { constructor: made } = at as { constructor?: { className?: unknown } };
      if (
        made !== undefined &&
        Object.hasOwn(made, 'className') &&
        made.className === asked.className
      ) {
        return Object.hasOwn(asked, 'className');
      }
    }
    return false;
  }

  /** The product of the factors of all schedules around this optimizer. */
  protected factor = 1;
  protected readonly store: StateStore = new StateStore();
  #base: number;
  readonly #rate: MirroredScalar = new MirroredScalar();
  readonly #factor: MirroredScalar = new MirroredScalar();
  #seen: ReadonlySet<tf.Variable> = new Set();
  #hasBound = false;
  #pendingRoles: Map<string, Role> = new Map();
  #disposed = false;

  constructor(learningRate: number) {
    super();
    this.#base = learningRate;
  }

  // Learning rate

  /** The base learning rate, before any schedule's factor. Setting it takes effect at the next step. */
  get learningRate(): number {
    return this.#base;
  }

  set learningRate(value: number) {
    const broken = rateRule(value);
    if (broken !== null) {
      throw new RangeError(
        `${this.getClassName()}: learningRate must ${broken.must}. Received ${show(value)}. Try ${broken.try}.`,
      );
    }
    this.#base = value;
  }

  /** Sets the base learning rate; takes effect at the next step. */
  setLearningRate(value: number): void {
    this.learningRate = value;
  }

  /** Receives the product of the factors of all schedules around this optimizer. */
  setLearningRateFactor(factor: number): void {
    this.factor = factor;
    for (const child of this.distinctChildren()) child.setLearningRateFactor(factor);
  }

  /** The effective learning rate, base times factor, as a scalar variable. Never dispose it. */
  get rate(): tf.Scalar {
    return this.#rate.read(this.learningRate * this.factor);
  }

  /** The schedules' factor as a scalar variable. Never dispose it. */
  get rateFactor(): tf.Scalar {
    return this.#factor.read(this.factor);
  }

  // The step

  /**
   * Applies gradients, given as a map or as a list with variable names.
   *
   * @throws Error when a name belongs to no variable, comes twice, or its gradient has another shape, and
   *   when restored state does not fit the variables; nothing has been changed then
   */
  override applyGradients(gradients: Gradients): void {
    this.assertUsable();
    const entries = toEntries(this.getClassName(), gradients);
    const seen = new Set([...this.#seen, ...entries.map(({ variable }) => variable)]);
    if (this.#isWaiting()) this.bindState(keyed(seen), this.#hasBound);
    this.check(entries);
    this.#seen = seen;
    this.#hasBound = true;
    if (!announce(this)) tf.tidy(() => this.beforeStep());
    tf.tidy(() => this.update(entries));
  }

  /** Throws when a step cannot be taken with these entries, here or inside, before anything has changed. */
  check(entries: readonly Entry[]): void {
    for (const child of this.distinctChildren()) {
      child.check(entries.filter(({ variable }) => this.route(variable) === child));
    }
  }

  /** The host half of a step, for this optimizer and those inside it. The outermost calls it once a step. */
  beforeStep(): void {
    this.#rate.write(this.learningRate * this.factor);
    this.#factor.write(this.factor);
    for (const child of this.distinctChildren()) child.beforeStep();
    this.incrementIterations();
  }

  /** Why this optimizer's own part of a step cannot be recorded and replayed, with what to do; null when it can. */
  get obstacle(): string | null {
    return null;
  }

  /** Hears that a recorded step has run in the place of `update`: the variables now hold what it wrote. */
  settled(): void {
    for (const child of this.distinctChildren()) child.settled();
  }

  /** The tensor half of a step. Entries without a gradient change nothing. */
  abstract update(entries: readonly Entry[]): void;

  // Structure

  /** The optimizers inside this one. */
  inners(): readonly tf.Optimizer[] {
    return [];
  }

  /** Who takes the variable next: an optimizer inside this one, or this one itself where it ends. */
  route(_variable: tf.Variable): tf.Optimizer | null {
    return this;
  }

  /**
   * What the optimizers inside see in the place of a variable, what stands for it first: the variable itself,
   * except where an adapter trains others instead.
   */
  inside(given: Keyed): readonly Keyed[] {
    return [given];
  }

  /** The optimizers inside, with the keys that tell them apart in saved names ('' for an only one). */
  children(): readonly (readonly [key: string, optimizer: TensorOptimizer])[] {
    return this.inners().map((inner) => ['', inner as TensorOptimizer] as const);
  }

  /** The optimizers inside, each once. */
  distinctChildren(): Set<TensorOptimizer> {
    return new Set(this.children().map(([, child]) => child));
  }

  /** Whether slots of the variable may live here. */
  holds(variable: tf.Variable): boolean {
    return this.route(variable) === this;
  }

  /** What this optimizer is called in the names of its saved state. */
  get stateName(): string {
    const name = this.getClassName().replace(/^Lrm/, '');
    return name.charAt(0).toLowerCase() + name.slice(1);
  }

  /** How this optimizer is written into the configuration of another. */
  toConfig(): { className: string; config: tf.serialization.ConfigDict } {
    return { className: this.getClassName(), config: this.getConfig() };
  }

  // State

  /** The slot of a variable under a name, made by `init` (default: zeros like the variable) when first asked for. */
  protected slot(variable: tf.Variable, name: string, init?: () => tf.Tensor): tf.Variable {
    return this.store.slot(variable, name, init ?? (() => tf.zerosLike(variable)));
  }

  /** A state of the optimizer itself: zeros when first asked for, saved with it. */
  protected state(
    name: string,
    shape: number[],
    dtype: 'float32' | 'int32' | 'bool' = 'float32',
  ): tf.Variable {
    return this.store.state(name, () => tf.zeros(shape, dtype));
  }

  /** The slots of a variable by name; empty when it has none here. */
  slots(variable: tf.Variable): ReadonlyMap<string, tf.Variable> {
    return this.store.slots.get(variable) ?? new Map<string, tf.Variable>();
  }

  /** The variables with slots here, in the order in which they got them. */
  slotOwners(): readonly tf.Variable[] {
    this.store.prune();
    return [...this.store.slots.keys()];
  }

  /** The variables, as they are given to this optimizer, with slots here or inside. */
  allOwners(): readonly tf.Variable[] {
    const inner = [...this.distinctChildren()].flatMap((child) => child.allOwners());
    return [...new Set([...this.slotOwners(), ...inner])];
  }

  /** This optimizer's own state under its saved names, its step count first. */
  exportState(keys: ReadonlyMap<tf.Variable, string>): [name: string, tensor: tf.Variable][] {
    return [['iter', this.store.number('iter', this.iterations)], ...this.store.named(keys)];
  }

  /** Drops the state here and holds the saved one until it is bound. */
  stageState(saved: SavedState): void {
    this.store.stage(saved);
    this.iterations_ = saved.iterations;
  }

  /** Whether saved state waits here to be bound. */
  get isPending(): boolean {
    return this.store.isPending;
  }

  /** The saved names of variables whose slots wait here. */
  waitingNames(): readonly string[] {
    return this.store.waitingNames();
  }

  /** Says how waiting state will be bound to these variables; the returned function does it. */
  planBinding(where: string, variables: readonly Keyed[], namesOnly: boolean): () => void {
    return this.store.plan(where, variables, namesOnly);
  }

  /**
   * All state as named tensors, `iter` first; names are those of the saved format. The tensors are the
   * live variables: copy them to keep them, do not dispose them.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    this.assertUsable();
    const nodes = nodesOf(this);
    this.#seen = new Set([...this.#seen].filter((variable) => !variable.isDisposed));
    const all = keyed(new Set([...this.#seen, ...this.allOwners()]));
    const roles = new Map(this.#pendingRoles);
    for (const { variable, key } of all) {
      const role = explicitRole(variable);
      if (role !== null) roles.set(key, role);
    }
    const state = nodes.flatMap(({ path, node, sees }) => {
      const keys = new Map(sees(all).map(({ variable, key }) => [variable, key]));
      return node.exportState(keys).map(([name, tensor]) => ({
        name: node === this && name === 'iter' ? name : `${path}/${name}`,
        tensor,
      }));
    });
    const savedRoles = [...roles].map(([key, role]) => ({
      name: `roles/${key}`,
      tensor: this.store.number(`roles/${key}`, ROLES.indexOf(role)),
    }));
    return [...state, ...savedRoles];
  }

  /**
   * Takes state that `getWeights` returned, here or in another process. It is bound to variables at the
   * first step, or at once by `bindState`. The given tensors are copied.
   *
   * @throws Error when a tensor belongs to no optimizer here; the former state is kept then
   */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    this.assertUsable();
    const nodes = nodesOf(this);
    const paths = nodes.map(({ path }) => path);
    const { byPath, roles } = await parse(`${this.getClassName()}.setWeights`, weightValues, paths);
    for (const { path, node } of nodes) node.stageState(byPath.get(path) as SavedState);
    this.#pendingRoles = roles;
    this.#seen = new Set();
    this.#hasBound = false;
  }

  #isWaiting(): boolean {
    return this.#pendingRoles.size > 0 || nodesOf(this).some(({ node }) => node.isPending);
  }

  /**
   * Binds waiting state, here and inside, to variables: by name, then, unless `namesOnly`, by order and
   * shape. Does nothing when none waits.
   *
   * @throws Error listing what does not match; everything stays waiting then
   */
  bindState(variables: readonly Keyed[], namesOnly: boolean): void {
    const nodes = nodesOf(this);
    // Roles first, because they route; they are taken back when the state does not fit.
    const takeBack = this.#pendingRoles.size > 0 ? this.#bindRoles(variables) : () => {};
    if (!nodes.some(({ node }) => node.isPending)) return;
    try {
      const plans = nodes.map(({ path, node, gets }) => {
        const mine = gets(variables).filter(({ variable }) => node.holds(variable));
        return node.planBinding(`${this.getClassName()} (${path})`, mine, namesOnly);
      });
      for (const carryOut of plans) carryOut();
      if (!namesOnly) this.#warnOfStrays(nodes, variables);
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  // A role that structure gave is not saved: without assignRoles after loading, a variable may go elsewhere now.
  #warnOfStrays(nodes: readonly Node[], variables: readonly Keyed[]): void {
    const strays = nodes.flatMap(({ node, sees, gets }) =>
      node.waitingNames().filter((name) => {
        const found = sees(variables).find(({ key }) => key === name)?.variable;
        // A role that is set now was meant, and differs from the saved one with a warning of its own.
        if (found === undefined || explicitRole(found) !== null) return false;
        return !(gets(variables).some(({ variable }) => variable === found) && node.holds(found));
      }),
    );
    if (strays.length === 0) return;
    console.warn(
      `${this.getClassName()}: the saved state of ${strays.join(', ')} was made by an optimizer that does not update them now, and is not used: their roles are others than when it was saved. Call assignRoles(model), or setRole, after loading and before the first step.`,
    );
  }

  #bindRoles(variables: readonly Keyed[]): () => void {
    const waiting = this.#pendingRoles;
    const undo: (() => void)[] = [];
    this.#pendingRoles = new Map(waiting);
    for (const { variable, key } of variables) {
      const saved = waiting.get(key);
      if (saved === undefined) continue;
      this.#pendingRoles.delete(key);
      const live = explicitRole(variable);
      if (live === null) {
        undo.push(recordRole(variable, saved, 'set', 'setRole, restored with the optimizer'));
      } else if (live !== saved) {
        console.warn(
          `${this.getClassName()}: "${variable.name}" was saved with the role '${saved}' and now has '${live}', which wins.`,
        );
      }
    }
    return () => {
      for (const takeBack of undo) takeBack();
      this.#pendingRoles = waiting;
    };
  }

  // Life

  /** Frees all state, here and in the optimizers inside. The trained variables are not touched. */
  override dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.store.dispose();
    this.#rate.dispose();
    this.#factor.dispose();
    for (const child of this.distinctChildren()) child.dispose();
  }

  /** True after `dispose()`. */
  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Throws when this optimizer, or one inside it, was disposed. */
  protected assertUsable(): void {
    for (const { node } of nodesOf(this)) {
      if (!node.isDisposed) continue;
      const what = node === this ? 'this optimizer' : `the ${node.getClassName()} inside`;
      throw new Error(`${this.getClassName()}: ${what} was disposed. Make a new optimizer.`);
    }
  }
}

type Handed = (variables: readonly Keyed[]) => readonly Keyed[];

interface Node {
  /** The path in saved names. */
  readonly path: string;
  readonly node: TensorOptimizer;
  /** What variables of the outermost optimizer are here: themselves, or those that stand for them. */
  readonly sees: Handed;
  /** Those of them whose entries are handed on to this optimizer. */
  readonly gets: Handed;
}

/** The optimizer and all inside it, outermost first, each once. */
function nodesOf(root: TensorOptimizer): Node[] {
  const out: Node[] = [];
  const visit = (node: TensorOptimizer, path: string, sees: Handed, gets: Handed): void => {
    if (out.some((other) => other.node === node)) return;
    out.push({ path, node, sees, gets });
    const inside: Handed = (variables) => variables.flatMap((variable) => node.inside(variable));
    for (const [key, child] of node.children()) {
      const step = key === '' ? child.stateName : `${key}:${child.stateName}`;
      visit(
        child,
        `${path}:${step}`,
        (variables) => inside(sees(variables)),
        (variables) =>
          inside(gets(variables)).filter(({ variable }) => node.route(variable) === child),
      );
    }
  };
  const all: Handed = (variables) => variables;
  visit(root, root.stateName, all, all);
  return out;
}
