/**
 * The parts of tfjs that this package uses beyond its public types. A test names each one that the installed tfjs
 * lacks.
 */
import * as tf from '@tensorflow/tfjs-core';
import { layers, models } from '@tensorflow/tfjs-layers';
import type { AddWeight, Patch } from '@tfjs-lrm/core/kit';
import type { Config } from './saved.ts';

/** Creates an object of a class from its configuration. */
export type FromConfig = (
  cls: unknown,
  config: Config,
  customObjects: object,
  fastWeightInit: boolean,
) => layers.Layer;

/** What tfjs stores about a registered class. */
export type Registered = readonly [cls: { readonly prototype: object }, fromConfig: FromConfig];

const classNameMap = (): Record<string, unknown> =>
  tf.serialization.SerializationMap.getMap().classNameMap;

/** The registered class with a name. */
export function registeredClass(className: string): Registered | undefined {
  const registered = classNameMap();
  return Object.hasOwn(registered, className) ? (registered[className] as Registered) : undefined;
}

/** The names of all registered classes. */
export function registeredNames(): readonly string[] {
  return Object.keys(classNameMap());
}

/** The `fromConfig` of a class, which identifies a registered one. */
export function fromConfigOf(cls: unknown): unknown {
  return (cls as { fromConfig: unknown }).fromConfig;
}

type Apply = (this: layers.Layer, ...args: unknown[]) => unknown;
type AddWeightOfLayer = (this: layers.Layer, ...args: Parameters<AddWeight>) => unknown;

/**
 * Replacements for methods that every layer inherits from the base class, and which tfjs calls while it builds a model.
 */
export function layerPatches(by: {
  readonly apply: (former: Apply) => Apply;
  readonly addWeight: (former: AddWeight) => AddWeightOfLayer;
}): readonly Patch[] {
  const object = layers.Layer.prototype;
  return [
    { object, method: 'apply', by: by.apply },
    { object, method: 'addWeight', by: by.addWeight },
  ];
}

/**
 * A topology with the names of tfjs-layers, by its own conversion. It does not export that, so a class of ours receives
 * the result.
 */
export async function converted(topology: unknown): Promise<Config> {
  let result: Config = {};
  const take = (_: unknown, config: Config): object => {
    result = config['topology'] as Config;
    return {};
  };
  const wrapper = { modelTopology: { class_name: 'LrmTopology', config: { topology } } };
  const classes = { LrmTopology: [Object, take] } as unknown as tf.serialization.ConfigDict;
  await models.modelFromJSON(wrapper as never, classes);
  return result;
}

/** An activation of tfjs-layers. */
export interface Activation {
  apply(x: tf.Tensor): tf.Tensor;
}

/** The registered activation with a name; tfjs-layers exports no function for it. */
export function activationOf(name: string): Activation {
  const layer = layers.activation({ activation: name as 'tanh' });
  return (layer as unknown as { activation: Activation }).activation;
}
