import * as tf from '@tensorflow/tfjs-core';

/** A variable with its gradient and moments, or the new values of variable and moments. */
export interface Values<T extends tf.Tensor = tf.Tensor> {
  readonly value: T;
  readonly m: T;
  readonly v: T;
}

export interface Item extends Values<tf.Variable> {
  readonly gradient: tf.Tensor;
}

/** Up to this many elements, an operation costs no more than starting it does. */
const SMALL = 2048;

/** A part has at least this many elements, so that starting its update costs nothing beside it, where there are as many. */
const PART = 2 ** 15;

/**
 * Variables in parts that are updated by one operation each: large enough to be worth one, and small enough for new values
 * to need little memory before they replace the old.
 */
export function inParts(items: readonly Item[]): Item[][] {
  const parts: Item[][] = [];
  let size = PART;
  for (const item of items) {
    if (size >= PART) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(item);
    size += item.value.size;
  }
  return parts;
}

/**
 * Updates variables by an elementwise rule. Small variables, such as multipliers and gains, are updated together as one
 * long vector: a model has many of them, and a dozen operations for each would cost more than those for its
 * matrices.
 */
export function updatePacked(
  items: readonly Item[],
  rule: (item: Values & { gradient: tf.Tensor }) => Values,
): void {
  const small = items.filter(({ value }) => value.size <= SMALL);
  const packs = small.length > 1;
  for (const item of items) {
    if (!packs || item.value.size > SMALL) assign(item, rule(item));
  }
  if (!packs) return;
  const pack = (key: 'value' | 'gradient' | 'm' | 'v'): tf.Tensor =>
    tf.concat(small.map((item) => withShape(item[key], [item.value.size])));
  const updated = rule({
    value: pack('value'),
    gradient: pack('gradient'),
    m: pack('m'),
    v: pack('v'),
  });
  const sizes = small.map(({ value }) => value.size);
  const [values, ms, vs] = [updated.value, updated.m, updated.v].map((t) => tf.split(t, sizes)) as [
    tf.Tensor[],
    tf.Tensor[],
    tf.Tensor[],
  ];
  small.forEach((item, i) => {
    const part = (parts: tf.Tensor[]): tf.Tensor =>
      withShape(parts[i] as tf.Tensor, item.value.shape);
    assign(item, { value: part(values), m: part(ms), v: part(vs) });
  });
}

function withShape(tensor: tf.Tensor, shape: number[]): tf.Tensor {
  return tf.util.arraysEqual(tensor.shape, shape) ? tensor : tf.reshape(tensor, shape);
}

export function assign(item: Values<tf.Variable>, updated: Values): void {
  item.value.assign(updated.value);
  item.m.assign(updated.m);
  item.v.assign(updated.v);
}
