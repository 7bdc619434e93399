import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import {
  holderOf,
  isRecording,
  isTapeOn,
  type KernelAxes,
  type KernelPlace,
  variableOf,
} from '@tfjs-lrm/core/kit';
import { type Factor, multiplyAlong } from './factors.ts';
import type { Initializer } from './internals.ts';

/** A kernel of a layer with multipliers, and the factors that belong to it. */
export interface MultipliedKernel {
  /** The kernel's name within its layer: `kernel`, `recurrent_kernel`. */
  readonly name: string;
  /** W itself, a weight of the layer inside. */
  readonly kernel: LayerVariable;
  /** The factors that it has: row, column, scalar. */
  readonly factors: { readonly [factor in Factor]?: LayerVariable };
  /** The axes of W along which the row and column factors run, counted from the end. */
  readonly axes: KernelAxes;
}

/**
 * One kernel of a wrapped layer with its factors. Between predictions the effective kernel is cached: assigning to a
 * variable gives it another `dataId`, which reveals a change.
 */
export class EffectiveKernel implements MultipliedKernel {
  readonly name: string;
  readonly kernel: LayerVariable;
  readonly factors: { readonly [factor in Factor]?: LayerVariable };
  readonly axes: KernelAxes;
  readonly #property: string;
  #remembered: { readonly value: tf.Tensor; readonly of: readonly object[] } | null = null;

  constructor(
    name: string,
    kernel: LayerVariable,
    { property, axes }: KernelPlace,
    factors: { readonly [factor in Factor]?: LayerVariable },
  ) {
    this.name = name;
    this.kernel = kernel;
    this.factors = factors;
    this.axes = axes;
    this.#property = property;
  }

  /** The factors as weights, in the order of the layer's weights. */
  get factorWeights(): readonly LayerVariable[] {
    return Object.values(this.factors);
  }

  /** Assigns each factor the value of its initializer. */
  initializeFactors(initializers: ReadonlyMap<Factor, Initializer>): void {
    for (const [factor, weight] of Object.entries(this.factors)) {
      const initializer = initializers.get(factor as Factor) as Initializer;
      const value = tf.tidy(() => initializer.apply(weight.shape, 'float32'));
      variableOf(weight).assign(value);
      value.dispose();
    }
  }

  /** A new tensor, recorded on the tape if there is one. */
  fresh(): tf.Tensor {
    const factors: { [factor in Factor]?: tf.Tensor } = Object.fromEntries(
      Object.entries(this.factors).map(([name, weight]) => [name, weight.read()]),
    );
    return multiplyAlong(this.kernel.read(), factors, this.axes);
  }

  /** For the layer's call: the cached tensor where no gradient is recorded, otherwise a tensor of the current scope. */
  current(): tf.Tensor {
    const of = [this.kernel, ...this.factorWeights].map((weight) => weight.read().dataId);
    if (
      this.#remembered?.of.some((dataId, i) => dataId !== of[i]) ||
      this.#remembered?.value.isDisposed
    )
      this.forget();
    if (isTapeOn() || isRecording()) return this.fresh();
    this.#remembered ??= { value: tf.keep(this.fresh()), of };
    return this.#remembered.value;
  }

  /** Frees the cached tensor. */
  forget(): void {
    if (this.#remembered?.value.isDisposed === false) this.#remembered.value.dispose();
    this.#remembered = null;
  }

  /** Makes the layer read `value` where it reads its kernel, until the returned function is called. */
  substitute(layer: layers.Layer, value: tf.Tensor): () => void {
    const { holder, key } = holderOf(layer, this.#property);
    // Everything except the value comes from the weight itself: shape, name, trainable.
    holder[key] = Object.create(this.kernel, { read: { value: () => value } });
    return () => {
      holder[key] = this.kernel;
    };
  }
}
