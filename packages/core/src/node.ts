/**
 * How the optimizers of these packages work together: the tree they form, the path of a variable through it, and
 * where each keeps its state. Users and most authors never see it. An optimizer that contains others, or keeps its
 * state in its own way, declares that with `connect`.
 */
import type * as tf from '@tensorflow/tfjs-core';
import type { Entry } from './entries.ts';
import type { Keyed, Matching } from './state.ts';
import { StateStore } from './state-store.ts';
import type { Decay, UpdateRule } from './update-rule.ts';

/** An optimizer of a tree, as the others see it: every `TensorOptimizer` is one. */
export interface Member extends tf.Optimizer {
  /** The base learning rate. */
  learningRate: number;
  /** The schedules' factor as a scalar variable. */
  readonly rateFactor: tf.Scalar;
  /** Why its own part of a step cannot be recorded; null if it can. */
  readonly obstacle: string | null;
  /** Which of its forms the next update takes; empty where it has one. */
  readonly phase: string;
  /** Whether it assigns to variables itself, besides what the optimizers inside do. */
  readonly assignsVariables: boolean;
  /** How its slots scale with the gradient. */
  readonly gradientPowers: Readonly<Record<string, number>>;
  /** True after `dispose()`. */
  readonly isDisposed: boolean;
  /** The learning rate of a variable in this step as a scalar variable. */
  rateOf(variable: tf.Variable): tf.Scalar;
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

/** An optimizer as saved in the configuration of another. */
export interface OptimizerConfig {
  readonly className: string;
  readonly config: tf.serialization.ConfigDict;
}

/** One optimizer's part in the tree. The defaults, unless `connect` overrides them, are those of an optimizer with none inside. */
export class OptimizerNode {
  /** The optimizer itself. */
  readonly optimizer: Member;
  /** What the optimizer is called in the names of its saved state. */
  stateName: string;
  /** The optimizers inside, by the keys that distinguish them in saved names; '' if there is only one. */
  children: ReadonlyMap<string, Member> = new Map();
  /** The optimizer of tfjs inside, which does not follow the contract; null except in its wrapper. */
  wrapped: tf.Optimizer | null = null;
  /** Whether it recomputes variables in each step from others that it keeps, so that values assigned to them are lost. */
  remakesVariables = false;
  /** Whether its learning rate is a JavaScript number, which a recorded step would repeat. */
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

  /** The next optimizer on the path of a variable: one inside, or this one where the path ends. */
  route: (variable: tf.Variable) => Member = () => this.optimizer;

  /** Whether this optimizer may hold slots of the variable. */
  keeps: (variable: tf.Variable) => boolean = (variable) => this.route(variable) === this.optimizer;

  /** The variables that the optimizers inside train instead of this one; the first takes its place. */
  substitutes: (original: Keyed) => readonly Keyed[] = (original) => [original];

  /** Sets the product of the factors of all schedules around this optimizer, here and inside. */
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

  /** How it turns the gradients of a variable into updates; null where it does not say. */
  ruleOf: (variable: tf.Variable) => UpdateRule | null = () => null;

  /** The decay that it applies to a variable itself, besides what the optimizers inside do; null if none. */
  decayOf: (variable: tf.Variable) => Decay | null = () => null;

  /** Called after a recorded step ran instead of `update`: the variables hold what it wrote. */
  afterReplay: () => void = () => {};

  /** Binds waiting state of the tree under this optimizer to variables; returns the saved names that were not bound. */
  bind: (variables: readonly Keyed[], matching: Matching) => readonly string[] = () => [];

  /** The optimizer as it is saved in the configuration of another. */
  toConfig: () => OptimizerConfig = () => ({
    className: this.optimizer.getClassName(),
    config: this.optimizer.getConfig(),
  });
}

/** What an optimizer may declare about its part in the tree; the rest keeps its default. */
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
 * Declares how an optimizer takes part in the tree. Call it in the constructor.
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
 * An optimizer and all optimizers inside it that follow the contract of this package, outermost first, each once.
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
 * Throws if an optimizer, or one inside it, was disposed of.
 *
 * @throws Error that names it
 */
export function assertUsable(root: Member): void {
  for (const optimizer of treeOf(root)) {
    if (!optimizer.isDisposed) continue;
    const what = optimizer === root ? 'this optimizer' : `the ${optimizer.getClassName()} inside`;
    throw new Error(`${root.getClassName()}: ${what} was disposed. Make a new optimizer.`);
  }
}
