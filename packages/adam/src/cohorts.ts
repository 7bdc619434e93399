import * as tf from '@tensorflow/tfjs-core';

/**
 * Variables that have taken the same steps and so share their bias corrections. c1 = 1 − β1^t and c2 = 1 − β2^t are
 * kept as tensors and advanced by c ← β·c + (1 − β), which keeps full precision where 1 − pow(β, t) in float32 loses
 * four digits at t = 1.
 */
export interface Cohort {
  readonly c1: tf.Variable;
  readonly c2: tf.Variable;
  members: number;
}

function makeCohort(c1: () => tf.Tensor, c2: () => tf.Tensor): Cohort {
  return tf.tidy(() => ({
    c1: tf.variable(c1(), false),
    c2: tf.variable(c2(), false),
    members: 0,
  }));
}

/**
 * The cohort of each variable; usually there is only one. A variable that misses a step or comes later gets a cohort
 * of its own. tfjs' Adam gives it the correction of the others, which makes its first step three times too large.
 */
export class Cohorts {
  readonly #of = new Map<tf.Variable, Cohort>();

  of(variable: tf.Variable): Cohort | undefined {
    return this.#of.get(variable);
  }

  /** Groups the variables of one step by cohort. A cohort of which only some take this step is split in two. */
  group(active: readonly tf.Variable[]): Map<Cohort, tf.Variable[]> {
    const groups = new Map<Cohort | undefined, tf.Variable[]>();
    for (const variable of active) {
      const cohort = this.#of.get(variable);
      const group = groups.get(cohort);
      if (group === undefined) groups.set(cohort, [variable]);
      else group.push(variable);
    }
    return new Map([...groups].map(([cohort, group]) => [this.#settle(cohort, group), group]));
  }

  #settle(cohort: Cohort | undefined, group: readonly tf.Variable[]): Cohort {
    if (cohort?.members !== group.length) this.#prune();
    if (cohort !== undefined && cohort.members === group.length) return cohort;
    const moved =
      cohort === undefined
        ? makeCohort(
            () => tf.scalar(0),
            () => tf.scalar(0),
          )
        : makeCohort(
            () => tf.clone(cohort.c1),
            () => tf.clone(cohort.c2),
          );
    for (const variable of group) this.#join(variable, moved);
    return moved;
  }

  /** Removes variables that no longer exist. */
  #prune(): void {
    for (const variable of [...this.#of.keys()]) if (variable.isDisposed) this.forget(variable);
  }

  #join(variable: tf.Variable, cohort: Cohort): void {
    this.forget(variable);
    this.#of.set(variable, cohort);
    cohort.members += 1;
  }

  /** Removes a variable, and frees its cohort if no members remain. */
  forget(variable: tf.Variable): void {
    const cohort = this.#of.get(variable);
    if (cohort === undefined) return;
    this.#of.delete(variable);
    cohort.members -= 1;
    if (cohort.members === 0) tf.dispose([cohort.c1, cohort.c2]);
  }

  /** Restores the cohorts: variables with equal saved corrections share one. */
  restore(saved: readonly { variable: tf.Variable; c1: number; c2: number }[]): void {
    const cohorts = new Map<string, Cohort>();
    for (const { variable, c1, c2 } of saved) {
      const key = `${c1} ${c2}`;
      const cohort =
        cohorts.get(key) ??
        makeCohort(
          () => tf.scalar(c1),
          () => tf.scalar(c2),
        );
      cohorts.set(key, cohort);
      this.#join(variable, cohort);
    }
  }

  clear(): void {
    for (const variable of [...this.#of.keys()]) this.forget(variable);
  }
}
