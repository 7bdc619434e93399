/**
 * How the optimizers of these packages work together: the tree that they form, the way of a variable through it, and
 * where each keeps its state. Users and most authors never see it. An optimizer that has others inside, or keeps its
 * state in a way of its own, says so by `connect`.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { Entry } from './entries.ts';
import type { Keyed, Matching } from './state.ts';
import { StateStore } from './state-store.ts';

/** An optimizer of a tree, as the others see it: every `TensorOptimizer` is one. */
export interface Member extends tf.Optimizer {
  /** The base learning rate. */
  learningRate: number;
  /** The effective learning rate as a scalar variable. */
  readonly rate: tf.Scalar;
  /** The schedules' factor as a scalar variable. */
  readonly rateFactor: tf.Scalar;
  /** Why its own part of a step cannot be recorded; null when it can. */
  readonly obstacle: string | null;
  /** Which of its forms the next update takes; empty where it has one. */
  readonly phase: string;
  /** Whether it assigns to variables beside what is inside it. */
  readonly assignsVariables: boolean;
  /** How its slots scale with the gradient. */
  readonly gradientPowers: Readonly<Record<string, number>>;
  /** True after `dispose()`. */
  readonly isDisposed: boolean;
  /** Whether it updates the variable by its own rule. */
  accepts(variable: tf.Variable): boolean;
  /** Throws when a step cannot be taken with these entries. */
  check(entries: readonly Entry[]): void;
  /** The host half of a step. */
  beforeStep(): void;
  /** The tensor half of a step. */
  update(entries: readonly Entry[]): void;
  /** The slots of a variable by name. */
  slots(variable: tf.Variable): ReadonlyMap<string, tf.Variable>;
}

/** An optimizer written into the configuration of another. */
export interface OptimizerConfig {
  readonly className: string;
  readonly config: tf.serialization.ConfigDict;
}

/** One optimizer's part in the tree. What is not said by `connect` is that of an optimizer with none inside. */
export class OptimizerNode {
  /** The optimizer itself. */
  readonly optimizer: Member;
  /** What the optimizer is called in the names of its saved state. */
  stateName: string;
  /** The optimizers inside, by the keys that tell them apart in saved names: '' for an only one. */
  children: ReadonlyMap<string, Member> = new Map();
  /** The optimizer of tfjs inside, which does not follow the contract; null in all but its wrapper. */
  wrapped: tf.Optimizer | null = null;
  /** Whether it makes variables anew in each step from others that it keeps, so that what is assigned to them is lost. */
  remakesVariables = false;
  /** Whether its learning rate is a number of JavaScript, which a recorded step would repeat. */
  hasHostRate = false;
  /** The names of other optimizers whose saved state this one's store understands. */
  takesStateOf: readonly string[] = [];
  /** The state of this optimizer. */
  store: StateStore = new StateStore();
  /** The product of the factors of all schedules around this optimizer. */
  factor = 1;
  /** The adapter or group that has taken this optimizer in, or null. */
  owner: Member | null = null;

  constructor(optimizer: Member) {
    this.optimizer = optimizer;
    const name = optimizer.getClassName().replace(/^Lrm/, '');
    this.stateName = name.charAt(0).toLowerCase() + name.slice(1);
  }

  /** The optimizer that takes a variable next: one inside, or this one itself where the way ends. */
  route: (variable: tf.Variable) => Member = () => this.optimizer;

  /** Whether slots of the variable may be here. */
  keeps: (variable: tf.Variable) => boolean = (variable) => this.route(variable) === this.optimizer;

  /** The variables that the optimizers inside train instead of this one, the first in its place. */
  substitutes: (given: Keyed) => readonly Keyed[] = (given) => [given];

  /** Takes the product of the factors of all schedules around this optimizer, and passes it on. */
  setFactor: (factor: number) => void = (factor) => {
    this.factor = factor;
    for (const child of childrenOf(this.optimizer)) nodeOf(child).setFactor(factor);
  };

  /** The learning rate of the current step as a number: base rate times factor. */
  effectiveRate: () => number = () => this.optimizer.learningRate * this.factor;

  /**
   * Called with the variables that reach this optimizer when new ones come, before they are routed further: in a step,
   * or where saved state is bound. Not called inside an optimizer that makes variables anew.
   */
  meet: (variables: readonly tf.Variable[], isStep: boolean) => void = () => {};

  /** Called after a recorded step ran instead of `update`: the variables hold what it wrote. */
  afterReplay: () => void = () => {};

  /** Binds waiting state of the tree under this optimizer to variables; returns the saved names that were not bound. */
  bind: (variables: readonly Keyed[], matching: Matching) => readonly string[] = () => [];

  /** The optimizer as it is written into the configuration of another. */
  toConfig: () => OptimizerConfig = () => ({
    className: this.optimizer.getClassName(),
    config: this.optimizer.getConfig(),
  });
}

/** What an optimizer may say of its part in the tree; all else stays as it is. */
export type Connection = Partial<Omit<OptimizerNode, 'optimizer' | 'factor' | 'owner'>>;

// On globalThis, so that optimizers of two copies of this package in one process fit into one tree.
const NODES: unique symbol = Symbol.for('tfjs-lrm/nodes');
const shared = globalThis as { [NODES]?: WeakMap<Member, OptimizerNode> };
shared[NODES] ??= new WeakMap();
const nodes: WeakMap<Member, OptimizerNode> = shared[NODES];

/** The node of an optimizer. */
export function nodeOf(optimizer: Member): OptimizerNode {
  let node = nodes.get(optimizer);
  if (node === undefined) {
    node = new OptimizerNode(optimizer);
    nodes.set(optimizer, node);
  }
  return node;
}

/**
 * Says how an optimizer takes part in the tree; called in its constructor.
 *
 * @returns its node
 * @example
 * class Both extends TensorOptimizer {
 *   static override readonly className: string = 'Both';
 *   constructor({ fallback }) {
 *     super(0);
 *     const inner = adopt(this, fallback);
 *     const children = new Map([['fallback', inner]]);
 *     connect(this, { children, route: (variable) => (variable.rank > 1 ? this : inner) });
 *   }
 * }
 */
export function connect(optimizer: Member, connection: Connection): OptimizerNode {
  return Object.assign(nodeOf(optimizer), connection);
}

/** The optimizers directly inside another one, each once. */
export function childrenOf(optimizer: Member): ReadonlySet<Member> {
  return new Set(nodeOf(optimizer).children.values());
}

/**
 * An optimizer and all inside it that follow the contract of this package, outermost first, each once.
 *
 * @example
 * const rates = treeOf(asTensorOptimizer(optimizer)).map((each) => each.learningRate);
 */
export function treeOf(root: Member): readonly Member[] {
  const tree = new Set<Member>();
  const visit = (optimizer: Member): void => {
    tree.add(optimizer);
    for (const child of childrenOf(optimizer)) visit(child);
  };
  visit(root);
  return [...tree];
}

/** Tells every optimizer of a tree that a recorded step ran instead of `update`. */
export function afterReplay(root: Member): void {
  for (const optimizer of treeOf(root)) nodeOf(optimizer).afterReplay();
}

/**
 * Throws when an optimizer, or one inside it, was disposed.
 *
 * @throws Error naming the one that was
 */
export function assertUsable(root: Member): void {
  for (const optimizer of treeOf(root)) {
    if (!optimizer.isDisposed) continue;
    const what = optimizer === root ? 'this optimizer' : `the ${optimizer.getClassName()} inside`;
    throw new Error(`${root.getClassName()}: ${what} was disposed. Make a new optimizer.`);
  }
}
