/**
 * The saved form of optimizer state, one tensor for each name:
 *
 *   iter                              steps taken by the outermost optimizer, int32
 *   roles/<variable>                  a role that was set explicitly, index into ROLES, int32
 *   rates/<variable>                  factors of learning rate and decay that were set, float32 [2]
 *   <path>/iter                       steps taken by a nested optimizer
 *   <path>/<state>                    a state of an optimizer, such as the number of skipped steps
 *   <path>/<variable>/<slot>          a slot of a variable, such as a moment
 *
 * `<path>` joins the names of the optimizers from the outermost inwards with colons (`clipping:adam`).
 * `<variable>` is the variable's name without the suffix that tfjs adds to repeated names; repeats get
 * `#2`, `#3` in the order in which the optimizer first saw them; variables without a name are `variable`.
 */
import * as tf from '@tensorflow/tfjs-core';
import { PROPERTY_PREFIXES } from './standing.ts';

/** Slots by saved variable name, then by slot name. */
export type SavedSlots = Map<string, Map<string, tf.Variable>>;

/** State of one optimizer from a file, not yet bound to variables. */
export interface SavedState {
  readonly iterations: number;
  readonly states: Map<string, tf.Variable>;
  readonly slots: SavedSlots;
  /** The values of scalar slots and states: read while loading, when waiting for the device is allowed. */
  readonly numbers: Map<tf.Variable, number>;
}

/** Frees saved state that is not bound. */
export function disposeSaved({ states, slots }: SavedState): void {
  tf.dispose([...states.values(), ...[...slots.values()].flatMap((named) => [...named.values()])]);
}

/** The slots of a variable under their saved names. */
export function namedSlots(
  key: string,
  slots: Iterable<readonly [string, tf.Variable]>,
): [name: string, tensor: tf.Variable][] {
  return [...slots].map(([slot, tensor]) => [`${key}/${slot}`, tensor]);
}

/** A variable with the name under which it is saved. */
export interface Keyed {
  readonly variable: tf.Variable;
  readonly key: string;
}

/** Saved names of variables, in order: suffix dropped, repeats numbered. */
export function keyed(
  variables: Iterable<tf.Variable>,
  nameOf = (v: tf.Variable): string => v.name,
): Keyed[] {
  const all = [...variables];
  const keys = savedNames(all.map(nameOf));
  return all.map((variable, at) => ({ variable, key: keys[at] as string }));
}

/** Names of variables as they are saved, in order: suffix dropped, repeats numbered. */
export function savedNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return names.map((name) => {
    // tfjs numbers variables without a name; those numbers mean nothing in another process.
    const base = /^\d+$/.test(name) ? 'variable' : name.replace(/_\d+$/, '');
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    return count === 1 ? base : `${base}#${count}`;
  });
}

/**
 * How waiting state finds its variables: by name alone, where the rest keeps waiting; by name, then by order and shape;
 * or by name where the shapes agree, where the rest is dropped.
 */
export type Matching = 'names' | 'order' | 'fitting';

function fits(slots: ReadonlyMap<string, tf.Tensor>, variable: tf.Variable): boolean {
  const shapes = [...slots.values()];
  if (shapes.every((slot) => slot.rank === 0)) return true;
  return (
    variable.rank > 0 && shapes.some((slot) => tf.util.arraysEqual(slot.shape, variable.shape))
  );
}

const unnumbered = (name: string): string => name.replaceAll(/\d+/g, '');

const listed = (items: readonly { name: string; shape: readonly number[] }[]): string =>
  items.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; ') || 'none';

/**
 * Pairs saved names with variables: by exact name, then by name without suffix, then, with `'order'`, by order where
 * the shapes agree. Where some names match, the others may differ only in their numbers: any other name is a different
 * layer.
 *
 * @throws Error that lists what does not match, before anything changes
 */
export function match(
  where: string,
  saved: SavedSlots,
  variables: readonly Keyed[],
  matching: Matching,
): Map<string, tf.Variable> {
  const pairs = new Map<string, tf.Variable>();
  const free = new Set(variables);
  const wrong: string[] = [];
  for (const nameOf of [({ variable }: Keyed) => variable.name, ({ key }: Keyed) => key]) {
    for (const candidate of free) {
      const key = nameOf(candidate);
      const slots = saved.get(key);
      if (slots === undefined || pairs.has(key)) continue;
      if (!fits(slots, candidate.variable)) {
        if (matching === 'fitting') continue;
        wrong.push(
          `"${key}" was saved with ${listed([...slots].map(([name, t]) => ({ name, shape: t.shape })))}, the variable is [${candidate.variable.shape.join(', ')}]`,
        );
      }
      pairs.set(key, candidate.variable);
      free.delete(candidate);
    }
  }
  const unmatched = [...saved].filter(([key]) => !pairs.has(key));
  if (wrong.length > 0)
    throw new Error(`${where}: saved state has other shapes: ${wrong.join('. ')}.`);
  if (matching !== 'order' || unmatched.length === 0 || free.size === 0) return pairs;
  const unbound = [...free];
  const inOrder =
    unmatched.length === unbound.length &&
    unmatched.every(([key, slots], i) => {
      const other = unbound[i] as Keyed;
      const isRenumbered = unnumbered(key) === unnumbered(other.key);
      return fits(slots, other.variable) && (pairs.size === 0 || isRenumbered);
    });
  if (!inOrder) {
    throw new Error(
      `${where}: saved state and variables do not match by name, nor by order and shape. Saved, unmatched: ${listed(
        unmatched.map(([name, slots]) => ({ name, shape: [...slots.values()][0]?.shape ?? [] })),
      )}. Variables, unmatched: ${listed(unbound.map((u) => u.variable))}. Try bindState(optimizer, model), with { strict: false } to leave out what has changed, or load the state of this model.`,
    );
  }
  unmatched.forEach(([key], i) => {
    pairs.set(key, (unbound[i] as Keyed).variable);
  });
  return pairs;
}

/**
 * Sorts named tensors by optimizer; those of properties of variables are left out. The result shares its data with the arguments by reference count, so the caller
 * may dispose of those.
 *
 * @param paths the paths of the optimizers that take the state, outermost first
 * @throws Error for a name that belongs to none of them, and if `iter` is missing
 */
export async function parse(
  where: string,
  values: readonly { name: string; tensor: tf.Tensor }[],
  paths: readonly string[],
): Promise<Map<string, SavedState>> {
  const root = paths[0] as string;
  const iterations = new Map<string, number>();
  const rest: {
    path: string;
    key: string | null;
    name: string;
    tensor: tf.Tensor;
    number: number | null;
  }[] = [];
  for (const { name, tensor } of values) {
    const [path, ...segments] = name === 'iter' ? [root, 'iter'] : name.split('/');
    const last = segments.pop();
    if (path !== undefined && PROPERTY_PREFIXES.includes(path)) continue;
    if (path === undefined || last === undefined || !paths.includes(path)) {
      throw new Error(
        `${where}: "${name}" belongs to none of the optimizers here (${paths.join(', ')}). It was saved by another optimizer or another nesting; build the same one and load again.`,
      );
    }
    if (segments.length === 0 && last === 'iter') {
      const count = (await tensor.data())[0] ?? -1;
      if (!Number.isInteger(count) || count < 0) {
        throw new Error(
          `${where}: "${name}" must hold a whole number of steps. Received ${count}.`,
        );
      }
      iterations.set(path, count);
    } else {
      const key = segments.length > 0 ? segments.join('/') : null;
      const number = tensor.rank === 0 ? ((await tensor.data())[0] ?? null) : null;
      rest.push({ path, key, name: last, tensor, number });
    }
  }
  if (!iterations.has(root)) {
    throw new Error(`${where}: the state has no "iter". Pass what getWeights() returned.`);
  }
  const byPath = new Map<string, SavedState>(
    paths.map((path) => [
      path,
      {
        iterations: iterations.get(path) ?? 0,
        states: new Map(),
        slots: new Map(),
        numbers: new Map(),
      },
    ]),
  );
  for (const { path, key, name, tensor, number } of rest) {
    const state = byPath.get(path) as SavedState;
    const value = tf.tidy(() => tf.variable(tensor, false));
    if (number !== null) state.numbers.set(value, number);
    if (key === null) {
      state.states.set(name, value);
    } else {
      const slots = state.slots.get(key) ?? new Map<string, tf.Variable>();
      state.slots.set(key, slots.set(name, value));
    }
  }
  return byPath;
}
