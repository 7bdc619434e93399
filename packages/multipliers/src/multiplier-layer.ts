import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import {
  buildSaved,
  isLayer,
  type KernelPlace,
  knownOptions,
  nearest,
  savedData,
  show,
} from '@tfjs-lrm/core/kit';
import { CLASS_NAME, checkLayer } from './check-layer.ts';
import { EffectiveKernel, type MultipliedKernel } from './effective-kernel.ts';
import { FACTORS, factorShapes } from './factors.ts';
import { savedAs } from './internals.ts';
import { type Inputs, type Kwargs, LayerAdapter } from './layer-adapter.ts';
import { type MultiplierOptions, OPTIONS, type Settings, settingsOf } from './options.ts';
import { kernelAt, placesOf } from './places.ts';

/** A layer whose kernels are multiplied by learnable factors. */
export interface MultiplierLayer extends layers.Layer {
  /** The layer inside, which holds the kernels themselves. */
  readonly layer: layers.Layer;
  /** Its kernels with their factors, once it is built. */
  readonly kernels: readonly MultipliedKernel[];
  /**
   * The effective kernel as a new tensor, which the caller disposes of. On a tape, gradients flow to the kernel and the
   * factors, so it also works for tied weights.
   *
   * @param kernel the kernel's name, as in `<layer>/<name>`; needed where the layer has several
   * @throws Error before the layer is built; RangeError for an unknown name, or for a missing one where there are
   *   several
   */
  effective(kernel?: string): tf.Tensor;
}

/** True for a layer that `withMultipliers` returned, from any copy of this package. */
export function isMultiplierLayer(layer: layers.Layer): layer is Multipliers {
  return layer.getClassName() === CLASS_NAME;
}

/** The layer inside, created from its configuration. */
function savedLayer(saved: unknown): layers.Layer {
  try {
    return checkLayer(buildSaved('withMultipliers', 'layer', saved, isLayer));
  } catch (error) {
    const { message } = error as Error;
    if (message.startsWith('withMultipliers: ')) throw error;
    const { className } = saved as { className: string };
    throw new Error(
      `withMultipliers: the layer inside, of class "${className}", cannot be built from its configuration: ${message}`,
      { cause: error },
    );
  }
}

/** The wrapper, with the members that the rest of this package needs. */
export class Multipliers extends LayerAdapter implements MultiplierLayer {
  static readonly className: string = CLASS_NAME;

  readonly #settings: Settings;
  readonly #places: readonly KernelPlace[];
  #kernels: readonly EffectiveKernel[] = [];

  constructor(layer: layers.Layer, options: MultiplierOptions) {
    const settings = settingsOf(options, layer);
    const places = placesOf(layer, settings.kernels);
    super(layer, settings.name);
    this.#settings = settings;
    this.#places = places;
  }

  get kernels(): readonly EffectiveKernel[] {
    return this.#kernels;
  }

  /** Gives the factors of a layer that was built without initializers their initial values. */
  initializeFactors(): void {
    for (const kernel of this.#kernels) kernel.initializeFactors(this.#settings.initializers);
  }

  protected override addOwnWeights(): readonly LayerVariable[] {
    const { initializers } = this.#settings;
    const wanted = { row: initializers.has('row'), column: initializers.has('column') };
    const kernels = this.#places.map((place) => kernelAt(this.layer, place, wanted));
    this.#kernels = [];
    for (const [i, kernel] of kernels.entries()) {
      const added = this.#addFactors(this.#places[i] as KernelPlace, kernel);
      this.#kernels = [...this.#kernels, added];
    }
    return this.#kernels.flatMap(({ factorWeights }) => factorWeights);
  }

  #addFactors(place: KernelPlace, kernel: LayerVariable): EffectiveKernel {
    const { originalName, shape } = kernel;
    const scope = [this.name, this.layer.name].find((name) => originalName.startsWith(`${name}/`));
    // When built inside another layer, the scope is that layer's.
    const short = originalName.slice(1 + (scope?.length ?? originalName.lastIndexOf('/')));
    // A layer that builds several other layers itself gives their kernels the same name.
    const isTaken = this.#kernels.some((other) => other.name === short);
    const name = isTaken ? place.property.replaceAll('.', '/') : short;
    const shapes = factorShapes(shape, place.axes);
    const factors = [...this.#settings.initializers].flatMap(([factor, initializer]) => {
      const along = shapes[factor];
      if (along === null) return [];
      const weight = `${name}/${factor}_multiplier`;
      return [[factor, this.addWeight(weight, along, 'float32', initializer)] as const];
    });
    return new EffectiveKernel(name, kernel, place, Object.fromEntries(factors));
  }

  override call(inputs: Inputs, kwargs: Kwargs): tf.Tensor | tf.Tensor[] {
    this.invokeCallHook(inputs, kwargs);
    return tf.tidy(() => {
      const values = this.#kernels.map((kernel) => kernel.current());
      const restore = this.#kernels.map((kernel, i) =>
        kernel.substitute(this.layer, values[i] as tf.Tensor),
      );
      try {
        return this.layer.call(inputs, kwargs);
      } finally {
        for (const undo of restore) undo();
      }
    });
  }

  effective(kernel?: string): tf.Tensor {
    const names = this.#kernels.map(({ name }) => name);
    if (names.length === 0) {
      throw new Error(
        `effective: layer "${this.name}" is not built yet. Add it to a model, or apply it, first.`,
      );
    }
    if (kernel === undefined && names.length > 1) {
      throw new RangeError(
        `effective: layer "${this.name}" has several kernels. Name one of ${names.join(', ')}.`,
      );
    }
    const named = this.#kernels.find(({ name }) => name === (kernel ?? name));
    if (named === undefined) {
      throw new RangeError(
        `effective: layer "${this.name}" has no kernel ${show(kernel)}. Did you mean "${nearest(String(kernel), names)}"?`,
      );
    }
    return named.fresh();
  }

  protected override disposeWeights(): number {
    for (const kernel of this.#kernels) kernel.forget();
    return super.disposeWeights();
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { initializers, kernels } = this.#settings;
    const saved = [...initializers].map(([factor, initializer]) => [factor, savedAs(initializer)]);
    return {
      ...super.getConfig(),
      ...Object.fromEntries(FACTORS.map((factor) => [factor, initializers.has(factor)])),
      initializer: Object.fromEntries(saved) as tf.serialization.ConfigDict,
      // Under the key `name`, the only one whose value keeps its underscores in a file.
      ...(kernels === undefined ? {} : { kernels: kernels.map((name) => ({ name })) }),
    };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    _cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const saved = savedData('withMultipliers', config);
    if ('goBackwards' in saved) {
      throw new Error(
        'withMultipliers: Bidirectional cannot reverse a wrapped layer. Wrap it as a whole: withMultipliers(tf.layers.bidirectional({ layer })).',
      );
    }
    const { kernels, ...options } = knownOptions(saved, OPTIONS);
    const names = Array.isArray(kernels)
      ? kernels.map((kernel: { name?: string } | null) => kernel?.name ?? '')
      : kernels;
    const layer = savedLayer(saved['layer']);
    const wrapped = new Multipliers(layer, { ...options, kernels: names as string[] | undefined });
    if (typeof saved['trainable'] === 'boolean') wrapped.trainable_ = saved['trainable'];
    return wrapped as unknown as T;
  }
}

tf.serialization.registerClass(Multipliers);
