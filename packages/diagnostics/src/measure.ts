/** Sums over weights, their updates and their moments, as one small tensor on the device. */
import * as tf from '@tensorflow/tfjs-core';

/** What is measured of a variable. */
export interface Measured {
  readonly weight: tf.Variable;
  /** The weight before the step, and the share of it that the step kept; null if it was not held. */
  readonly before: { readonly weight: tf.Tensor; readonly kept: number } | null;
  readonly moments: { readonly mean: tf.Tensor; readonly square: tf.Tensor } | null;
}

/** How many numbers a variable has in the tensor. */
const SUMS = 5;

/** The host's view of the sums: each is a mean over the entries. */
export interface Means {
  readonly weight: number;
  readonly update: number;
  readonly outward: number;
  readonly mean: number;
  readonly square: number;
}

/** A function of tensors as one operation: `compile` of `@tfjs-lrm/native`. */
export type Compile = (step: TensorFunction) => TensorFunction & { dispose(): void };
type TensorFunction = (...tensors: tf.Tensor[]) => tf.Tensor;

/** Beyond this many terms a sum in float32 loses digits. */
const LONG = 2 ** 20;

/**
 * Σ a·b. Not as a product of matrices: tfjs' wasm backend keeps the second matrix by its data, and would later multiply by
 * the same weight as if it still had one column.
 */
function dot(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const product = a === b ? tf.square(a) : tf.mul(a, b);
  return product.size > LONG ? tf.sum(tf.sum(product, -1)) : tf.sum(product);
}

/** Σw², Σu², Σw·u, Σm² and Σv of one variable, with u the update without decay. */
function sumsOfOne(
  {
    weight,
    before,
    moments,
  }: Omit<Measured, 'weight' | 'before'> & {
    readonly weight: tf.Tensor;
    readonly before: { readonly weight: tf.Tensor; readonly kept: number | tf.Tensor } | null;
  },
  nothing: tf.Tensor,
): tf.Tensor[] {
  const update = before && tf.sub(weight, tf.mul(before.weight, before.kept));
  return [
    dot(weight, weight),
    update ? dot(update, update) : nothing,
    before && update ? dot(before.weight, update) : nothing,
    moments ? dot(moments.mean, moments.mean) : nothing,
    moments ? tf.sum(moments.square) : nothing,
  ];
}

/** [variables × SUMS], operation by operation. */
function sumsOf(measured: readonly Measured[]): tf.Tensor {
  return tf.tidy(() => {
    const nothing = tf.scalar(0);
    return tf.stack(measured.flatMap((each) => sumsOfOne(each, nothing)));
  });
}

/** The same as a function of tensors alone: the shares that were kept, and then those of each variable. */
function sumsOfTensors(layout: readonly Measured[]): TensorFunction {
  return (shares, ...tensors) =>
    tf.tidy(() => {
      const [nothing, kept] = [tf.scalar(0), tf.unstack(shares)];
      const next = tensors.values();
      const take = (): tf.Tensor => next.next().value as tf.Tensor;
      const sums = layout.flatMap(({ before, moments }, i) =>
        sumsOfOne(
          {
            weight: take(),
            before: before && { weight: take(), kept: kept[i] as tf.Tensor },
            moments: moments && { mean: take(), square: take() },
          },
          nothing,
        ),
      );
      return tf.stack(sums);
    });
}

const tensorsOf = ({ weight, before, moments }: Measured): tf.Tensor[] => [
  weight,
  ...(before ? [before.weight] : []),
  ...(moments ? [moments.mean, moments.square] : []),
];

/** What of each variable there is to measure: sums are compiled once for each. */
const layoutOf = (measured: readonly Measured[]): string =>
  measured.map(({ before, moments }) => `${before ? 'b' : '-'}${moments ? 'm' : '-'}`).join();

/** Takes sums; with `compile`, all of them as one operation. */
export class Sums {
  readonly #compile: Compile | null;
  #compiled: { readonly layout: string; readonly take: ReturnType<Compile> } | null = null;

  constructor(compile: Compile | null) {
    this.#compile = compile;
  }

  /** Σw², Σu², Σw·u, Σm² and Σv of each variable, [variables × SUMS]; the caller disposes of it. */
  of(measured: readonly Measured[]): tf.Tensor {
    // Weights that were not held make a layout of their own, which only the first point has.
    if (this.#compile === null || measured.some(({ before }) => before === null))
      return tf.keep(sumsOf(measured));
    const layout = layoutOf(measured);
    if (this.#compiled?.layout !== layout) {
      this.dispose();
      this.#compiled = { layout, take: this.#compile(sumsOfTensors(measured)) };
    }
    const { take } = this.#compiled as { readonly take: ReturnType<Compile> };
    const shares = tf.tensor1d(measured.map(({ before }) => before?.kept ?? 1));
    const sums = tf.keep(take(shares, ...measured.flatMap(tensorsOf)));
    shares.dispose();
    return sums;
  }

  /** Frees what was compiled; the next sums are compiled anew. */
  dispose(): void {
    this.#compiled?.take.dispose();
    this.#compiled = null;
  }
}

/** The means of one variable of `size` entries. */
export function meansAt(sums: ArrayLike<number>, index: number, size: number): Means {
  const [weight, update, outward, mean, square] = Array.from(
    { length: SUMS },
    (_, i) => (sums[index * SUMS + i] as number) / size,
  ) as [number, number, number, number, number];
  return { weight, update, outward, mean, square };
}
