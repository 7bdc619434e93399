/** Adam's state: the moments of each variable, and the bias corrections that cohorts of variables share. */
import * as tf from '@tensorflow/tfjs-core';
import { type Keyed, type Matching, type SavedState, StateStore } from '@tfjs-lrm/core/kit';
import type { Cohorts } from './cohorts.ts';

/** Saves the corrections as c1 and c2 beside the moments of each variable, and restores the cohorts from them. */
export class AdamState extends StateStore {
  readonly #cohorts: Cohorts;
  #numbers: ReadonlyMap<tf.Variable, number> = new Map();

  readonly #betas: readonly [number, number];

  constructor(cohorts: Cohorts, betas: readonly [number, number]) {
    super();
    this.#cohorts = cohorts;
    this.#betas = betas;
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
    this.#addCorrections(saved);
    this.#numbers = saved.numbers;
    super.stage(saved);
  }

  // tfjs' Adam counts steps for all variables together, and may keep β^(t + 1), which tells betas other than ours.
  #addCorrections({ iterations, states, slots, numbers }: SavedState): void {
    if (iterations === 0) return;
    const corrections = this.#betas.map((beta, i) => {
      const power = states.get(`accBeta${i + 1}`);
      const saved =
        power === undefined ? beta : (numbers.get(power) ?? 0) ** (1 / (iterations + 1));
      return -Math.expm1(iterations * Math.log(Math.abs(saved - beta) < 1e-5 ? beta : saved));
    });
    for (const moments of slots.values()) {
      if (moments.has('c1') && moments.has('c2')) continue;
      corrections.forEach((correction, i) => {
        const value = tf.tidy(() => tf.variable(tf.scalar(correction), false));
        moments.set(`c${i + 1}`, value);
        numbers.set(value, correction);
      });
    }
    for (const name of ['accBeta1', 'accBeta2']) {
      states.get(name)?.dispose();
      states.delete(name);
    }
  }

  override plan(where: string, variables: readonly Keyed[], matching: Matching): () => void {
    const bind = super.plan(where, variables, matching);
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
