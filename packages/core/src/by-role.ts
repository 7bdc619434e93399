import type * as tf from '@tensorflow/tfjs-core';
import { adopt, adoptable } from './adopt.ts';
import { show } from './check.ts';
import type { Entry } from './entries.ts';
import { childrenOf, connect, type Member, nodeOf } from './node.ts';
import { nameOfClass, register } from './registry.ts';
import { checkRole, isRole, type Role, roleOf } from './roles.ts';
import { deserializeOptimizer } from './serialize.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';

/** @inline */
type Groups = { [role in Role]?: tf.Optimizer | undefined } & { default: tf.Optimizer };

type Group = Role | 'default';

class ByRole extends TensorOptimizer {
  static override readonly className: string = 'LrmByRole';

  readonly #groups: ReadonlyMap<Group, TensorOptimizer>;

  constructor(optimizers: Groups) {
    super(0);
    if (typeof optimizers !== 'object' || optimizers === null || optimizers.default === undefined) {
      throw new TypeError(
        `byRole: give an optimizer for each role and a default. Received ${show(optimizers)}. Try byRole({ matrix: muon(), default: adam() }).`,
      );
    }
    const groups = Object.entries(optimizers).filter(
      (entry): entry is [string, tf.Optimizer] => entry[1] !== undefined,
    );
    // All are checked before any is taken, so that a call that throws leaves every optimizer free.
    for (const [role, optimizer] of groups) {
      if (role !== 'default') checkRole('byRole', role);
      adoptable(this, optimizer);
    }
    this.#groups = new Map(
      groups.map(([role, optimizer]) => [role as Group, adopt(this, optimizer)]),
    );
    connect(this, {
      children: this.#groups,
      route: (variable) => this.#optimizerOf(variable),
      effectiveRate: () => nodeOf(this.#default).effectiveRate(),
    });
  }

  get #default(): TensorOptimizer {
    return this.#groups.get('default') as TensorOptimizer;
  }

  #optimizerOf(variable: tf.Variable): TensorOptimizer {
    return this.#groups.get(roleOf(variable)) ?? this.#default;
  }

  override get obstacle(): null {
    return null;
  }

  /** The base rate of the default; each optimizer inside keeps its own. */
  override get learningRate(): number {
    return this.#default.learningRate;
  }

  override set learningRate(_value: number) {
    throw new Error(
      `byRole: each of its optimizers has a learning rate of its own (${[...this.#groups]
        .map(([role, optimizer]) => `${role}: ${optimizer.learningRate}`)
        .join(', ')}). Set the one you mean.`,
    );
  }

  override accepts(variable: tf.Variable): boolean {
    return this.#optimizerOf(variable).accepts(variable);
  }

  override check(entries: readonly Entry[]): void {
    const refused = entries.flatMap(({ variable }) => {
      const optimizer = this.#groups.get(roleOf(variable));
      return optimizer === undefined || optimizer.accepts(variable)
        ? []
        : [{ variable, optimizer }];
    });
    const [first] = refused;
    if (first !== undefined) {
      const role = roleOf(first.variable);
      const variables = refused.map(
        ({ variable: { name, shape } }) => `"${name}" [${shape.join(', ')}]`,
      );
      throw new Error(
        `byRole: the optimizer of role '${role}' (${this.#describe(first.optimizer, first.variable)}) leaves ${variables.join(', ')} to another optimizer. Give '${role}' the optimizer that should train them, or give this one options that make it take them.`,
      );
    }
    super.check(entries);
  }

  /** The optimizer that refuses a variable, searched through the adapters around it, by the name that users know. */
  #describe(optimizer: Member, variable: tf.Variable): string {
    const next = nodeOf(optimizer).route(variable);
    return next !== optimizer && !next.accepts(variable)
      ? this.#describe(next, variable)
      : nameOfClass(optimizer.getClassName());
  }

  override beforeStep(): void {
    // All schedules inside are evaluated before any counter changes, so that one that throws changes nothing.
    const node = nodeOf(this);
    node.setFactor(node.factor);
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    const parts = new Map<Member, Entry[]>();
    for (const child of childrenOf(this)) parts.set(child, []);
    for (const entry of entries) parts.get(this.#optimizerOf(entry.variable))?.push(entry);
    for (const [optimizer, part] of parts) optimizer.update(part);
  }

  // An optimizer with several roles is written once; its other roles refer to the first.
  protected override options(): object {
    const written = new Map<TensorOptimizer, string>();
    const groups = [...this.#groups].map(([role, optimizer]) => {
      const first = written.get(optimizer);
      if (first === undefined) written.set(optimizer, role);
      return [role, first ?? nodeOf(optimizer).toConfig()] as const;
    });
    return Object.fromEntries(groups);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { learningRate: _, ...groups } = super.getConfig();
    return groups;
  }
}

register('byRole', ByRole, (config) => {
  const groups: Partial<Groups> = {};
  for (const [role, data] of Object.entries(config)) {
    if (role !== 'default' && !isRole(role)) continue;
    const same = data === 'default' || isRole(data) ? groups[data] : undefined;
    groups[role] = same ?? deserializeOptimizer('byRole', data);
  }
  return new ByRole(groups as Groups);
});

/**
 * An optimizer for each role: every variable is updated by the optimizer of its role, or by `default`.
 *
 * Each optimizer keeps its own base learning rate; a schedule around `byRole` scales them all. Reading
 * `learningRate` gives that of the default; setting it throws an error that lists them all.
 *
 * @throws TypeError without a default; RangeError for an unknown role; Error when one of the optimizers is
 *   already inside another. At a step, before it changes anything: Error for a variable that the optimizer of its role
 *   does not take, such as one that `muon` does not select
 * @example
 * byRole({ multiplier: adam({ learningRate: 1e-3 }), default: adam({ learningRate: 4e-3 }) });
 */
export function byRole(optimizers: Groups): TensorOptimizer {
  return new ByRole(optimizers);
}
