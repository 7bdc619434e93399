import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { isTapeOn, isTracing } from './internals.ts';
import { type KernelPlace, ownerOf } from './layouts.ts';
import { multiply } from './multiply.ts';
import type { Initializer } from './options.ts';

/** The factors that a layer can have, in the order of its weights. */
export const FACTORS = ['row', 'column', 'scalar'] as const;

/** One of the three factors. */
export type Factor = (typeof FACTORS)[number];

/** The effective kernel as a new tensor, where the kernel's place says which axes the factors run along. */
export function multiplyAt(
  kernel: tf.Tensor,
  factors: { readonly [factor in Factor]?: tf.Tensor },
  { row, column }: KernelPlace,
): tf.Tensor {
  const [axis, ...others] = row as [number, ...number[]];
  // Without a column axis no factor runs along it, and any other one will do.
  if (others.length === 0) return multiply(kernel, factors, { row: axis, column: column ?? 0 });
  return tf.tidy(() => {
    // [..., inputs, multiplier] as [..., inputs · multiplier]
    const merged = tf.reshape(kernel, [...kernel.shape.slice(0, -row.length), -1]);
    const flat = factors.row === undefined ? {} : { row: tf.reshape(factors.row, [-1]) };
    const product = multiply(merged, { ...factors, ...flat }, { row: -1, column: -2 });
    return tf.reshape(product, kernel.shape);
  });
}

/**
 * One kernel of a wrapped layer with its factors. Between predictions the effective kernel is remembered:
 * assigning to a variable gives it another `dataId`, which is how a change is noticed.
 */
export class EffectiveKernel {
  /** The kernel's name within its layer: `kernel`. */
  readonly name: string;
  /** W itself. */
  readonly kernel: LayerVariable;
  readonly #place: KernelPlace;
  readonly #factors: { readonly [factor in Factor]?: LayerVariable };
  #remembered: { readonly value: tf.Tensor; readonly of: readonly object[] } | null = null;

  constructor(
    name: string,
    kernel: LayerVariable,
    place: KernelPlace,
    factors: { readonly [factor in Factor]?: LayerVariable },
  ) {
    this.name = name;
    this.kernel = kernel;
    this.#place = place;
    this.#factors = factors;
  }

  /** The factors as weights. */
  get factors(): readonly LayerVariable[] {
    return Object.values(this.#factors);
  }

  /** Assigns to each factor what its initializer gives. */
  initializeFactors(initializers: ReadonlyMap<Factor, Initializer>): void {
    for (const [factor, weight] of Object.entries(this.#factors)) {
      const initializer = initializers.get(factor as Factor) as Initializer;
      const value = tf.tidy(() => initializer.apply(weight.shape, 'float32'));
      (weight.read() as tf.Variable).assign(value);
      value.dispose();
    }
  }

  /** A new tensor, on the tape where there is one. */
  fresh(): tf.Tensor {
    const factors: { [factor in Factor]?: tf.Tensor } = Object.fromEntries(
      Object.entries(this.#factors).map(([name, weight]) => [name, weight.read()]),
    );
    return multiplyAt(this.kernel.read(), factors, this.#place);
  }

  /** For the layer's call: what is remembered where no gradient is recorded, else a tensor of the current scope. */
  current(): tf.Tensor {
    const of = [this.kernel, ...this.factors].map((weight) => weight.read().dataId);
    if (
      this.#remembered?.of.some((dataId, at) => dataId !== of[at]) ||
      this.#remembered?.value.isDisposed
    )
      this.forget();
    if (isTapeOn() || isTracing()) return this.fresh();
    this.#remembered ??= { value: tf.keep(this.fresh()), of };
    return this.#remembered.value;
  }

  /** Frees the remembered tensor. */
  forget(): void {
    if (this.#remembered?.value.isDisposed === false) this.#remembered.value.dispose();
    this.#remembered = null;
  }

  /** Lets the layer read `value` where it reads its kernel, until the returned function is called. */
  substitute(layer: layers.Layer, value: tf.Tensor): () => void {
    const { owner, key } = ownerOf(layer, this.#place.property);
    // Everything but the value comes from the weight itself: shape, name, trainable.
    owner[key] = Object.create(this.kernel, { read: { value: () => value } });
    return () => {
      owner[key] = this.kernel;
    };
  }
}
