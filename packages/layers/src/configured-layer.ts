import type * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import {
  anyRule,
  checkOptions,
  knownOptions,
  type Rule,
  savedData,
  show,
} from '@tfjs-lrm/core/kit';

/** What every layer of tfjs takes: `name`, `trainable`, `dtype`, `inputShape` and so on. */
export type LayerOptions = NonNullable<ConstructorParameters<typeof layers.Layer>[0]>;

export type Shape = (number | null)[];
export type Kwargs = Parameters<layers.Layer['call']>[1];

const TFJS = [
  'name',
  'trainable',
  'dtype',
  'inputShape',
  'batchInputShape',
  'batchSize',
  'weights',
  'inputDType',
];

/** The description of a class of layers: its name, its options and their defaults. */
export interface Options<S extends object> {
  /** The function that creates it, as the user calls it. */
  readonly where: string;
  readonly rules: Readonly<Record<keyof S & string, Rule>>;
  readonly defaults: S;
  /** Options that must be given. */
  readonly required?: readonly (keyof S & string)[];
  /** Its inputs, in order; the last ones may be optional. */
  readonly inputs: readonly string[];
  readonly optionalInputs?: number;
}

/**
 * A layer with settings that are checked, saved and loaded, that lets masks pass, and that reads float32.
 *
 * @throws TypeError for something that is not an options object, RangeError for a wrong or missing option
 */
export abstract class ConfiguredLayer<S extends object> extends layers.Layer {
  readonly settings: Readonly<S>;
  readonly #about: Options<S>;

  constructor(about: Options<S>, options: Partial<S> & LayerOptions) {
    const { where, rules, defaults, required = [] } = about;
    const tfjs = Object.fromEntries(TFJS.map((key) => [key, anyRule]));
    checkOptions(where, options, { ...tfjs, ...rules });
    const given = knownOptions(options as Record<string, unknown>, Object.keys(rules));
    for (const key of required) {
      if (given[key] === undefined) {
        const advice = rules[key](undefined)?.try ?? '';
        throw new RangeError(
          `${where}: "${key}" must be given. Try ${where}({ ${key}: ${advice} }).`,
        );
      }
    }
    super(knownOptions(options as Record<string, unknown>, TFJS) as LayerOptions);
    this.settings = { ...defaults, ...given };
    this.#about = about;
    this.supportsMasking = true;
  }

  /** The beginning of an error message about this layer. */
  protected get where(): string {
    return `${this.#about.where}: layer "${this.name}"`;
  }

  /** The shapes of the inputs as a list. */
  protected shapes(inputShape: Shape | Shape[]): Shape[] {
    const list = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as Shape[];
    this.#checkCount(list.length);
    return list;
  }

  /** The inputs of a call as a list, all of float32. */
  protected tensors(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
    const list = Array.isArray(inputs) ? inputs : [inputs];
    this.#checkCount(list.length);
    const wrong = list.findIndex(({ dtype }) => dtype !== 'float32');
    if (wrong >= 0) {
      throw new TypeError(
        `${this.where} must read float32. Received ${(list[wrong] as tf.Tensor).dtype} as its ${this.#about.inputs[wrong]}. Try tf.cast(x, 'float32').`,
      );
    }
    return list;
  }

  #checkCount(count: number): void {
    const { inputs, optionalInputs = 0 } = this.#about;
    if (count <= inputs.length && count >= inputs.length - optionalInputs) return;
    const names = inputs.join(', ');
    throw new RangeError(
      `${this.where} must read ${inputs.length === 1 ? 'one input' : `[${names}]`}. Received ${count}. Try layer.apply(${inputs.length === 1 ? names : `[${names}]`}).`,
    );
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...this.settings } as tf.serialization.ConfigDict;
  }
}

/** The options in a saved configuration, for the constructor of a configured layer. */
export function savedOptions<S extends object>(about: Options<S>, config: unknown): never {
  const known = [...TFJS, ...Object.keys(about.rules)];
  return knownOptions(savedData(about.where, config), known) as never;
}

/** The size of the last axis, which must be known when a layer is built. */
export function widthOf(where: string, what: string, shape: Shape): number {
  const width = shape.at(-1);
  if (typeof width === 'number') return width;
  throw new RangeError(
    `${where} must know the last axis of its ${what}. Received shape [${shape.map((size) => size ?? 'null').join(', ')}]. Try a Dense layer before it, or inputShape with a last size.`,
  );
}

/**
 * The mask of a call, [batch, time], or null. tfjs passes a mask on to all later layers of a model, even to layers of
 * another shape, where it does not apply.
 */
export function maskOf(kwargs: Kwargs, batch: number, time: number): tf.Tensor | null {
  const given: unknown = (kwargs as { mask?: unknown } | undefined)?.mask;
  const mask = (Array.isArray(given) ? given[0] : given) as tf.Tensor | null | undefined;
  if (mask == null) return null;
  if (typeof mask !== 'object' || !('shape' in mask)) {
    throw new TypeError(`mask: a mask must be a tensor [batch, time]. Received ${show(mask)}.`);
  }
  return mask.shape.length === 2 && mask.shape[0] === batch && mask.shape[1] === time ? mask : null;
}
