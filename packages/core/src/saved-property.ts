import type * as tf from '@tensorflow/tfjs-core';
import type { Property } from './standing.ts';
import type { Keyed } from './state.ts';

/** A value to be saved: its name, and its numbers. */
interface NamedNumbers {
  readonly name: string;
  readonly numbers: number | number[];
  readonly dtype: 'int32' | 'float32';
}

/** A property of variables in the state of a tree of optimizers: what was loaded waits here for its variables. */
export class SavedProperty<T> {
  readonly #property: Property<T>;
  #waiting: Map<string, T> = new Map();

  constructor(property: Property<T>) {
    this.#property = property;
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting.clear();
  }

  /** What is saved: the values of variables that have one, and those that wait. */
  named(variables: readonly Keyed[]): NamedNumbers[] {
    const { prefix, dtype, get, toNumbers } = this.#property;
    const values = new Map(this.#waiting);
    for (const { variable, key } of variables) {
      const value = get(variable);
      if (value !== null) values.set(key, value);
    }
    return [...values].map(([key, value]) => ({
      name: `${prefix}/${key}`,
      numbers: toNumbers(value),
      dtype,
    }));
  }

  /**
   * Reads the values among named tensors; the returned function makes them wait, in the place of those that waited
   * before.
   *
   * @throws Error for numbers that are no value
   */
  async read(
    where: string,
    weights: readonly { readonly name: string; readonly tensor: tf.Tensor }[],
  ): Promise<() => void> {
    const { prefix, fromNumbers, lacking } = this.#property;
    const values = new Map<string, T>();
    for (const { name, tensor } of weights) {
      if (!name.startsWith(`${prefix}/`)) continue;
      const value = fromNumbers([...(await tensor.data())]);
      if (value === null) throw new Error(`${where}: "${name}" holds ${lacking}.`);
      values.set(name.slice(prefix.length + 1), value);
    }
    return () => {
      this.#waiting = values;
    };
  }

  /**
   * Gives waiting values to the variables of their names. A variable that has another one keeps it, with a warning.
   *
   * @returns a function that undoes it
   */
  bind(where: string, variables: readonly Keyed[]): () => void {
    const { get, set, isSame, show } = this.#property;
    const before = this.#waiting;
    const undo: (() => void)[] = [];
    this.#waiting = new Map(before);
    for (const { variable, key } of variables) {
      const saved = before.get(key);
      if (saved === undefined) continue;
      this.#waiting.delete(key);
      const live = get(variable);
      if (live === null) undo.push(set(variable, saved));
      else if (!isSame(live, saved)) warn(where, variable, show(saved), show(live));
    }
    return () => {
      for (const takeBack of undo) takeBack();
      this.#waiting = before;
    };
  }
}

function warn(where: string, { name }: tf.Variable, saved: string, live: string): void {
  console.warn(`${where}: "${name}" was saved with ${saved} and now has ${live}, which wins.`);
}
