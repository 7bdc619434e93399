import * as tf from '@tensorflow/tfjs-core';
import { show } from './check.ts';
import type { Entry } from './entries.ts';
import { adopt, adoptable } from './optimizer-adapter.ts';
import { checkRole, isRole, type Role, roleOf } from './roles.ts';
import { deserializeOptimizer } from './serialize.ts';
import { TensorOptimizer } from './tensor-optimizer.ts';

/** @inline */
type Groups = { [role in Role]?: tf.Optimizer | undefined } & { default: tf.Optimizer };

class ByRole extends TensorOptimizer {
  static override readonly className: string = 'LrmByRole';

  readonly #groups: ReadonlyMap<Role | 'default', TensorOptimizer>;

  constructor(optimizers: Groups) {
    super(0);
    if (typeof optimizers !== 'object' || optimizers === null || optimizers.default === undefined) {
      throw new TypeError(
        `byRole: give an optimizer for each role and a default. Received ${show(optimizers)}. Try byRole({ matrix: muon(), default: adam() }).`,
      );
    }
    const given = Object.entries(optimizers).filter(
      (entry): entry is [string, tf.Optimizer] => entry[1] !== undefined,
    );
    // All are looked at before one is taken: a call that throws leaves every optimizer free.
    for (const [role, optimizer] of given) {
      if (role !== 'default') checkRole('byRole', role);
      adoptable(this, optimizer);
    }
    this.#groups = new Map(
      given.map(([role, optimizer]) => [role as Role | 'default', adopt(this, optimizer)]),
    );
  }

  #ownerOf(variable: tf.Variable): TensorOptimizer {
    return (this.#groups.get(roleOf(variable)) ?? this.#groups.get('default')) as TensorOptimizer;
  }

  /** The default's base rate: each optimizer inside keeps its own. */
  override get learningRate(): number {
    return (this.#groups.get('default') as TensorOptimizer).learningRate;
  }

  override set learningRate(_value: number) {
    throw new Error(
      `byRole: each of its optimizers has a learning rate of its own (${[...this.#groups]
        .map(([role, optimizer]) => `${role}: ${optimizer.learningRate}`)
        .join(', ')}). Set it on the one you mean.`,
    );
  }

  override inners(): readonly tf.Optimizer[] {
    return [...new Set(this.#groups.values())];
  }

  override route(variable: tf.Variable): tf.Optimizer | null {
    return this.#ownerOf(variable);
  }

  override children(): readonly (readonly [string, TensorOptimizer])[] {
    return [...this.#groups];
  }

  override beforeStep(): void {
    // Every schedule inside speaks before the first optimizer counts: one that throws leaves all as they were.
    this.setLearningRateFactor(this.factor);
    super.beforeStep();
  }

  override update(entries: readonly Entry[]): void {
    const parts = new Map<TensorOptimizer, Entry[]>();
    for (const child of this.distinctChildren()) parts.set(child, []);
    for (const entry of entries) parts.get(this.#ownerOf(entry.variable))?.push(entry);
    for (const [optimizer, part] of parts) optimizer.update(part);
  }

  // An optimizer that has several roles is written once; the others say whose it is.
  override getConfig(): tf.serialization.ConfigDict {
    const written = new Map<TensorOptimizer, string>();
    const groups = [...this.#groups].map(([role, optimizer]) => {
      const first = written.get(optimizer);
      if (first === undefined) written.set(optimizer, role);
      return [role, first ?? optimizer.toConfig()];
    });
    return Object.fromEntries(groups) as tf.serialization.ConfigDict;
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const groups: Partial<Groups> = {};
    for (const [role, data] of Object.entries(config)) {
      if (role !== 'default' && !isRole(role)) continue;
      const same = data === 'default' || isRole(data) ? groups[data] : undefined;
      groups[role] = same ?? deserializeOptimizer('byRole', data);
    }
    return new (cls as unknown as new (groups: Groups) => T)(groups as Groups);
  }
}

tf.serialization.registerClass(ByRole);

/**
 * An optimizer for each role: every variable is updated by the optimizer of its role, or by `default`.
 *
 * Each optimizer keeps its own base learning rate; a schedule around `byRole` scales them all. Reading
 * `learningRate` gives the default's, setting it is an error that lists them.
 *
 * @throws TypeError without a default; RangeError for an unknown role; Error when one of the optimizers is
 *   already inside another
 * @example
 * byRole({ multiplier: adam({ learningRate: 1e-3 }), default: adam({ learningRate: 4e-3 }) });
 */
export function byRole(optimizers: Groups): TensorOptimizer {
  return new ByRole(optimizers);
}
