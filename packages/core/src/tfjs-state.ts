/** The state of one of tfjs' own optimizers, which keeps it in arrays by position in the list of gradients. */
import * as tf from '@tensorflow/tfjs-core';
import {
  disposeSaved,
  type Keyed,
  type Matching,
  match,
  namedSlots,
  type SavedState,
} from './state.ts';
import { StateStore } from './state-store.ts';
import { isVariable } from './tfjs-objects.ts';

/** What tfjs keeps for a variable. */
interface PositionalSlot {
  readonly originalName: string;
  variable: tf.Variable;
}

/** Fields of tfjs' optimizers that its types hide. */
export type Fields = Record<string, unknown> & { learningRate?: number; iterations_?: number };

/** The fields of an optimizer of tfjs. */
export function fieldsOf(optimizer: tf.Optimizer): Fields {
  return optimizer as unknown as Fields;
}

const isSlotArray = (value: unknown): value is PositionalSlot[] =>
  Array.isArray(value) &&
  value.every((item) => isVariable((item as Partial<PositionalSlot> | null)?.variable));

const nameOf = ({ originalName }: PositionalSlot): string =>
  originalName.slice(originalName.lastIndexOf('/') + 1);

const ownerOf = ({ originalName }: PositionalSlot): string =>
  originalName.slice(0, originalName.lastIndexOf('/'));

/**
 * Gives each variable a fixed position, so that tfjs always gets the same list, and saves what tfjs' own format loses:
 * which position belongs to which variable, and the running powers of the betas. tfjs recomputes those with `pow` on
 * loading, after which a run differs from an uninterrupted one in the last bits.
 */
export class TfjsState extends StateStore {
  readonly #optimizer: tf.Optimizer;
  readonly #fields: Fields;
  readonly #list: tf.Variable[] = [];
  readonly #position = new Map<tf.Variable, number>();
  #saved: SavedState | null = null;

  constructor(optimizer: tf.Optimizer) {
    super();
    this.#optimizer = optimizer;
    this.#fields = fieldsOf(optimizer);
    this.#takeOver();
  }

  /**
   * An optimizer that has trained by itself keeps the moments of the variables that still exist. The others are freed:
   * by position, they would pass for the moments of the next variables.
   */
  #takeOver(): void {
    const arrays = this.#slotArrays();
    const variables = tf.engine().registeredVariables;
    const count = Math.max(0, ...arrays.map(({ length }) => length));
    for (let position = count - 1; position >= 0; position--) {
      const slots = arrays.map((array) => array[position]);
      const [first] = slots;
      const variable = first === undefined ? undefined : variables[ownerOf(first)];
      const isWhole = slots.every(
        (slot) =>
          slot !== undefined && tf.util.arraysEqual(slot.variable.shape, variable?.shape ?? [NaN]),
      );
      if (variable !== undefined && isWhole) {
        this.#list.unshift(variable);
        continue;
      }
      for (const array of arrays)
        tf.dispose(array.splice(position, 1).map((slot) => slot.variable));
    }
    this.#number();
  }

  #number(): void {
    this.#position.clear();
    this.#list.forEach((variable, position) => {
      this.#position.set(variable, position);
    });
  }

  #slotArrays(): PositionalSlot[][] {
    return Object.values(this.#fields).filter(
      (value): value is PositionalSlot[] => isSlotArray(value) && value.length > 0,
    );
  }

  /** Lets tfjs update the variables; its list has null for those without a gradient. */
  apply(gradients: ReadonlyMap<tf.Variable, tf.Tensor | null>): void {
    if ([...gradients.keys()].some((variable) => !this.#position.has(variable))) this.prune();
    for (const variable of gradients.keys()) this.#place(variable);
    this.#optimizer.applyGradients(
      this.#list.map((variable) => ({
        name: variable.name,
        tensor: (gradients.get(variable) ?? null) as tf.Tensor,
      })),
    );
  }

  #place(variable: tf.Variable): void {
    if (this.#position.has(variable)) return;
    this.#position.set(variable, this.#list.length);
    this.#list.push(variable);
  }

  /** Frees the slots of variables that no longer exist, and closes the gaps they leave. */
  override prune(): void {
    const arrays = this.#slotArrays();
    for (let position = this.#list.length - 1; position >= 0; position--) {
      if (!(this.#list[position] as tf.Variable).isDisposed) continue;
      this.#list.splice(position, 1);
      for (const array of arrays)
        tf.dispose(array.splice(position, 1).map(({ variable }) => variable));
    }
    this.#number();
  }

  override owners(): readonly tf.Variable[] {
    return this.#list.filter((variable) => !variable.isDisposed);
  }

  override slotsOf(variable: tf.Variable): ReadonlyMap<string, tf.Variable> {
    const position = this.#position.get(variable);
    if (position === undefined) return new Map();
    return new Map(
      this.#slotArrays().flatMap((array) => {
        const slot = array[position];
        return slot === undefined ? [] : [[nameOf(slot), slot.variable]];
      }),
    );
  }

  #ownStates(): [string, tf.Variable][] {
    return Object.entries(this.#fields).filter((entry): entry is [string, tf.Variable] =>
      isVariable(entry[1]),
    );
  }

  override named(keys: ReadonlyMap<tf.Variable, string>): [name: string, tensor: tf.Variable][] {
    const waiting = this.#saved;
    return [
      // Saved states move into the optimizer along with the first bound slots.
      ...(waiting !== null && waiting.states.size > 0 ? waiting.states : this.#ownStates()),
      ...[...keys].flatMap(([variable, key]) => namedSlots(key, this.slotsOf(variable))),
      ...[...(waiting?.slots ?? [])].flatMap(([key, slots]) => namedSlots(key, slots)),
    ];
  }

  override stage(saved: SavedState): void {
    this.#disposeSaved();
    for (const array of this.#slotArrays()) {
      for (const { variable } of array) variable.dispose();
      array.length = 0;
    }
    this.#list.length = 0;
    this.#position.clear();
    this.#saved = saved;
    this.#fields.iterations_ = saved.iterations;
  }

  override get isPending(): boolean {
    return this.#saved !== null;
  }

  override waitingNames(): readonly string[] {
    return [...(this.#saved?.slots.keys() ?? [])];
  }

  override plan(where: string, variables: readonly Keyed[], matching: Matching): () => void {
    const saved = this.#saved;
    if (saved === null) return () => {};
    const free = variables.filter(({ variable }) => !this.#position.has(variable));
    const pairs = match(where, saved.slots, free, matching);
    return () => {
      for (const variable of pairs.values()) this.#place(variable);
      this.#allocate(saved.states);
      for (const [key, variable] of pairs) {
        const live = this.slotsOf(variable);
        for (const [name, value] of saved.slots.get(key) ?? []) {
          live.get(name)?.assign(value);
          value.dispose();
        }
        saved.slots.delete(key);
      }
      if (saved.slots.size === 0) this.#saved = null;
    };
  }

  // Null gradients make tfjs allocate every slot and change no variable. They count as a step, which is undone, and
  // advance the powers of the betas, which then get the saved values, or their former ones.
  #allocate(saved: Map<string, tf.Variable>): void {
    const { iterations_: counted } = this.#fields;
    tf.tidy(() => {
      const values = this.#ownStates().map(
        ([name, state]) => [state, saved.get(name) ?? tf.clone(state)] as const,
      );
      this.apply(new Map());
      for (const [state, value] of values) state.assign(value);
    });
    this.#fields.iterations_ = counted as number;
    tf.dispose([...saved.values()]);
    saved.clear();
  }

  override discardWaiting(): readonly string[] {
    const names = this.waitingNames();
    this.#disposeSaved();
    return names;
  }

  #disposeSaved(): void {
    if (this.#saved !== null) disposeSaved(this.#saved);
    this.#saved = null;
  }

  override dispose(): void {
    super.dispose();
    this.#disposeSaved();
    this.#optimizer.dispose();
    // Momentum does not dispose of the cached rate that it inherits from SGD.
    const cached = this.#fields['c'] as tf.Tensor | undefined;
    if (cached !== undefined && !cached.isDisposed) cached.dispose();
  }
}
