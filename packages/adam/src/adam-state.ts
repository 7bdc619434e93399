/** Adam's state: the moments of each variable, and the bias corrections that cohorts of variables share. */
import * as tf from '@tensorflow/tfjs-core';
import { type Keyed, type SavedState, StateStore } from '@tfjs-lrm/core/kit';
import type { Cohorts } from './cohorts.ts';

/** Saves the corrections as c1 and c2 beside the moments of each variable, and restores the cohorts from them. */
export class AdamState extends StateStore {
  readonly #cohorts: Cohorts;
  #numbers: ReadonlyMap<tf.Variable, number> = new Map();

  constructor(cohorts: Cohorts) {
    super();
    this.#cohorts = cohorts;
  }

  override named(keys: ReadonlyMap<tf.Variable, string>): [name: string, tensor: tf.Variable][] {
    const corrections = [...keys].flatMap(([variable, key]): [string, tf.Variable][] => {
      const cohort = this.#cohorts.of(variable);
      if (cohort === undefined) return [];
      return [
        [`${key}/c1`, cohort.c1],
        [`${key}/c2`, cohort.c2],
      ];
    });
    return [...super.named(keys), ...corrections];
  }

  override stage(saved: SavedState): void {
    this.#cohorts.clear();
    this.#numbers = saved.numbers;
    super.stage(saved);
  }

  override plan(where: string, variables: readonly Keyed[], namesOnly: boolean): () => void {
    const bind = super.plan(where, variables, namesOnly);
    return () => {
      bind();
      this.#takeCorrections();
    };
  }

  // Not slots, because they must not be rescaled with the variable.
  #takeCorrections(): void {
    const corrections = [...this.slots].flatMap(([variable, slots]) => {
      const [c1, c2] = [slots.get('c1'), slots.get('c2')];
      if (c1 === undefined || c2 === undefined) return [];
      const saved = { variable, c1: this.#numbers.get(c1) ?? 0, c2: this.#numbers.get(c2) ?? 0 };
      for (const name of ['c1', 'c2']) slots.delete(name);
      tf.dispose([c1, c2]);
      return [saved];
    });
    this.#cohorts.restore(corrections);
  }

  override dispose(): void {
    this.#cohorts.clear();
    super.dispose();
  }
}
