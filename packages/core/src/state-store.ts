import * as tf from '@tensorflow/tfjs-core';
import {
  disposeSaved,
  type Keyed,
  type Matching,
  match,
  namedSlots,
  type SavedState,
} from './state.ts';

type Variables = Map<string, tf.Variable>;

const disposeAll = (variables: Variables): void => {
  for (const variable of variables.values()) variable.dispose();
};

/** A non-trainable variable that starts with the value of `init`. */
export function hiddenVariable(init: () => tf.Tensor): tf.Variable {
  return tf.tidy(() => tf.variable(init(), false));
}

/** The state of one optimizer: slots by variable, states by name, and saved state waiting to be bound. */
export class StateStore {
  readonly slots: Map<tf.Variable, Variables> = new Map();
  readonly states: Variables = new Map();
  readonly #numbers: Variables = new Map();
  #pending: SavedState | null = null;

  get isPending(): boolean {
    return this.#pending !== null;
  }

  /** The variables with slots in this store, oldest first. */
  owners(): readonly tf.Variable[] {
    this.prune();
    return [...this.slots.keys()];
  }

  /** The slots of a variable by name; empty when it has none in this store. */
  slotsOf(variable: tf.Variable): ReadonlyMap<string, tf.Variable> {
    return this.slots.get(variable) ?? new Map<string, tf.Variable>();
  }

  /** The saved names of the variables whose slots are waiting. */
  waitingNames(): readonly string[] {
    return [...(this.#pending?.slots.keys() ?? [])];
  }

  /** The slot of a variable under a name, created by `init` on first use. */
  slot(variable: tf.Variable, name: string, init: () => tf.Tensor): tf.Variable {
    let slots = this.slots.get(variable);
    if (slots === undefined) {
      this.prune();
      slots = new Map();
      this.slots.set(variable, slots);
    }
    let slot = slots.get(name);
    if (slot === undefined) {
      slot = hiddenVariable(init);
      slots.set(name, slot);
    }
    return slot;
  }

  /** A named state of the optimizer itself, created by `init` on first use. */
  state(name: string, init: () => tf.Tensor): tf.Variable {
    let state = this.states.get(name);
    if (state === undefined) {
      state = this.#pending?.states.get(name) ?? hiddenVariable(init);
      this.#pending?.states.delete(name);
      this.states.set(name, state);
    }
    return state;
  }

  /** Numbers on the host as a variable, always the same one, so that repeated saving leaks nothing. */
  numbers(
    name: string,
    value: number | number[],
    dtype: 'int32' | 'float32' = 'int32',
  ): tf.Variable {
    const held = this.#numbers.get(name);
    const init = (): tf.Tensor => tf.tensor(value, undefined, dtype);
    if (held !== undefined) {
      tf.tidy(() => held.assign(init()));
      return held;
    }
    const variable = hiddenVariable(init);
    this.#numbers.set(name, variable);
    return variable;
  }

  /** Frees the slots of variables that no longer exist. */
  prune(): void {
    for (const [variable, slots] of this.slots) {
      if (!variable.isDisposed) continue;
      disposeAll(slots);
      this.slots.delete(variable);
    }
  }

  /**
   * All state under its saved names, including waiting state. Slots come in the order of the variables, not of their
   * first gradients: the order matters where names do not match.
   */
  named(keys: ReadonlyMap<tf.Variable, string>): [name: string, tensor: tf.Variable][] {
    const waiting = this.#pending;
    return [
      ...this.states,
      ...[...keys].flatMap(([variable, key]) => namedSlots(key, this.slots.get(variable) ?? [])),
      ...(waiting?.states ?? []),
      ...[...(waiting?.slots ?? [])].flatMap(([key, slots]) => namedSlots(key, slots)),
    ];
  }

  /** Drops the current state and holds saved state until it is bound. */
  stage(saved: SavedState): void {
    this.clear();
    this.#pending = saved;
  }

  /** Plans how waiting state will be bound; the returned function binds it. */
  plan(where: string, variables: readonly Keyed[], matching: Matching): () => void {
    const waiting = this.#pending;
    if (waiting === null) return () => {};
    const free = variables.filter(({ variable }) => !this.slots.has(variable));
    const pairs = match(where, waiting.slots, free, matching);
    return () => {
      for (const [key, variable] of pairs) {
        this.slots.set(variable, waiting.slots.get(key) as Variables);
        waiting.slots.delete(key);
      }
      for (const [name, state] of waiting.states) this.states.set(name, state);
      waiting.states.clear();
      if (waiting.slots.size === 0) this.#pending = null;
    };
  }

  /** Frees the waiting slots, and returns the names of their variables. */
  discardWaiting(): readonly string[] {
    const names = this.waitingNames();
    if (this.#pending !== null) disposeSaved(this.#pending);
    this.#pending = null;
    return names;
  }

  /** Frees all state, waiting state included. */
  clear(): void {
    for (const slots of this.slots.values()) disposeAll(slots);
    disposeAll(this.states);
    if (this.#pending !== null) disposeSaved(this.#pending);
    this.slots.clear();
    this.states.clear();
    this.#pending = null;
  }

  /** Frees everything. */
  dispose(): void {
    this.clear();
    disposeAll(this.#numbers);
    this.#numbers.clear();
  }
}
