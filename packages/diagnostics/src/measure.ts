/** Means over weights, their updates and their moments: of small ones on the host, of large ones on the device. */
import * as tf from '@tensorflow/tfjs-core';

/** The values of a weight, as a tensor where it is large or not on the host. */
export type Held = tf.Tensor | ArrayLike<number>;

/** What is measured of a variable. */
export interface Measured {
  readonly weight: tf.Variable;
  /** The weight before the step, and the share of it that the step kept; null if it was not held. */
  readonly before: { readonly weight: Held; readonly kept: number } | null;
  readonly moments: { readonly mean: tf.Tensor; readonly square: tf.Tensor } | null;
}

/** Means over the entries of w², u², w·u, m² and v, with u the update without decay; 0 for what is not there. */
export interface Means {
  readonly weight: number;
  readonly update: number;
  readonly outward: number;
  readonly mean: number;
  readonly square: number;
}

/** What was measured, of which the sums of large variables may still be on the device. */
export interface Measurement {
  /** To be read and disposed of by the caller; null where all variables are small. */
  readonly sums: tf.Tensor | null;
  /** The means of each variable, given the values of `sums`. */
  readonly means: (sums: ArrayLike<number>) => Means[];
}

/** Up to this many entries, reading a tensor and adding it up takes less time than starting the operations does. */
const SMALL = 2 ** 14;

/** How many numbers a variable has among the sums. */
const SUMS = 5;

/** Beyond this many terms a sum in float32 loses digits. */
const LONG = 2 ** 20;

const isSmall = (tensor: tf.Tensor, areOnHost: boolean): boolean =>
  areOnHost && tensor.size <= SMALL;

/** Holds on to what a variable is now; `release` frees it. */
export function hold(variable: tf.Variable, areOnHost: boolean): Held {
  return isSmall(variable, areOnHost) ? variable.dataSync() : tf.keep(tf.clone(variable));
}

export function release(held: Held): void {
  if (held instanceof tf.Tensor) held.dispose();
}

/**
 * Measures variables.
 *
 * @param areOnHost whether tensors are on the host, so that reading one neither waits nor copies from a device: small ones
 *   are then read at once
 */
export function measure(variables: readonly Measured[], areOnHost: boolean): Measurement {
  const read = variables.map((each) =>
    isSmall(each.weight, areOnHost) ? meansOnHost(each) : null,
  );
  const others = variables.filter((_, i) => read[i] === null);
  return {
    sums: others.length === 0 ? null : sumsOf(others),
    means(sums) {
      const rest = others.map(({ weight }, i) => meansAt(sums, i, weight.size)).values();
      return read.map((means) => means ?? (rest.next().value as Means));
    },
  };
}

const valuesOf = (held: Held): ArrayLike<number> =>
  held instanceof tf.Tensor ? held.dataSync() : held;

function meansOnHost({ weight, before, moments }: Measured): Means {
  const w = weight.dataSync();
  // Without a weight from before, the update is 0.
  const [past, kept] = before ? [valuesOf(before.weight), before.kept] : [w, 1];
  let [weights, updates, products] = [0, 0, 0];
  for (let i = 0; i < w.length; i++) {
    const [now, then] = [w[i] as number, past[i] as number];
    const update = now - kept * then;
    weights += now * now;
    updates += update * update;
    products += then * update;
  }
  let [means, squares] = [0, 0];
  if (moments !== null) {
    const [mean, square] = [moments.mean.dataSync(), moments.square.dataSync()];
    for (let i = 0; i < w.length; i++) {
      means += (mean[i] as number) ** 2;
      squares += square[i] as number;
    }
  }
  const { size } = weight;
  return {
    ...{ weight: weights / size, update: updates / size, outward: products / size },
    ...{ mean: means / size, square: squares / size },
  };
}

/** A weight is held by its values here only where the backend was changed since. */
const tensorOf = (held: Held, shape: number[]): tf.Tensor =>
  held instanceof tf.Tensor ? held : tf.tensor(Float32Array.from(held), shape);

/** Σw², Σu², Σw·u, Σm² and Σv of each variable, [variables × SUMS]. */
function sumsOf(variables: readonly Measured[]): tf.Tensor {
  return tf.keep(
    tf.tidy(() => {
      const nothing = tf.scalar(0);
      return tf.stack(
        variables.flatMap(({ weight, before, moments }) => {
          const past = before && tensorOf(before.weight, weight.shape);
          const update = past && tf.sub(weight, tf.mul(past, before.kept));
          return [
            dot(weight, weight),
            update ? dot(update, update) : nothing,
            past && update ? dot(past, update) : nothing,
            moments ? dot(moments.mean, moments.mean) : nothing,
            moments ? tf.sum(moments.square) : nothing,
          ];
        }),
      );
    }),
  );
}

/**
 * Σ a·b. Not as a product of matrices: tfjs' wasm backend keeps the second matrix by its data, and would later multiply by
 * the same weight as if it still had one column.
 */
function dot(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const product = a === b ? tf.square(a) : tf.mul(a, b);
  return product.size > LONG ? tf.sum(tf.sum(product, -1)) : tf.sum(product);
}

/** The means of one variable of `size` entries. */
function meansAt(sums: ArrayLike<number>, index: number, size: number): Means {
  const [weight, update, outward, mean, square] = Array.from(
    { length: SUMS },
    (_, i) => (sums[index * SUMS + i] as number) / size,
  ) as [number, number, number, number, number];
  return { weight, update, outward, mean, square };
}
