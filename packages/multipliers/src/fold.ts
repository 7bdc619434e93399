import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { constraintKey, isPlain, KERNEL_CONSTRAINTS, labelOf, layersIn } from '@tfjs-lrm/core/kit';
import { CLASS_NAME } from './check-layer.ts';
import { checkModel } from './check-model.ts';
import { copyLayer } from './copy-layer.ts';
import { assignWeights, copyModel } from './copy-model.ts';
import { layerToConfig } from './internals.ts';
import { isMultiplierLayer } from './multiplier-layer.ts';

type Config = Record<string, unknown>;

/** A wrapper in the configuration of the layer that holds it. */
interface SavedWrapper {
  readonly name: string;
  readonly trainable: boolean;
  readonly layer: { readonly className: string; readonly config: Config };
  readonly kernels?: readonly { readonly name: string }[];
}

/** A copy of a configuration without some keys, at any depth: cells and layers inside layers save those keys there. */
function withoutKeys(config: Config, dropped: ReadonlySet<string>): Config {
  const entries = Object.entries(config).filter(([key]) => !dropped.has(key));
  const inner = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inner);
    return typeof value === 'object' && value !== null && isPlain(value)
      ? withoutKeys(value as Config, dropped)
      : value;
  };
  return Object.fromEntries(entries.map(([key, value]) => [key, inner(value)]));
}

/** The configuration of the layer inside, with the wrapper's name. */
function unwrapped({ name, trainable, layer, kernels }: SavedWrapper): {
  className: string;
  config: Config;
} {
  // The constraint applied to W. If it were kept, it would change W_eff whenever the folded model is loaded.
  const named = kernels?.map((kernel) => constraintKey(kernel.name));
  const config = {
    ...withoutKeys(layer.config, new Set(named ?? KERNEL_CONSTRAINTS)),
    name,
    trainable: trainable && layer.config['trainable'] !== false,
  };
  return { className: layer.className, config };
}

/** A copy of a configuration with each wrapper replaced by its inner layer. */
function withoutWrappers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutWrappers);
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value;
  const entry = value as Config;
  const plain =
    entry['className'] === CLASS_NAME
      ? { ...entry, ...unwrapped(entry['config'] as SavedWrapper) }
      : entry;
  return Object.fromEntries(
    Object.entries(plain).map(([key, item]) => [key, withoutWrappers(item)]),
  );
}

const WHERE = 'foldMultipliers';

/** The layer without multipliers: the one inside a wrapper, or one whose configuration contains no wrapper any more. */
function foldedLayer(layer: layers.Layer): layers.Layer {
  const inner = isMultiplierLayer(layer) ? layer.layer : layer;
  const copy = copyLayer(WHERE, inner, () => {
    const { config } = isMultiplierLayer(layer)
      ? unwrapped(layer.getConfig() as unknown as SavedWrapper)
      : layerToConfig(layer);
    return withoutWrappers(config) as tf.serialization.ConfigDict;
  });
  if (![...layersIn(copy)].some(isMultiplierLayer)) return copy;
  throw new Error(
    `${WHERE}: ${labelOf(layer)} makes layers with multipliers by itself, and so does every copy of it. Let its getConfig() return these layers, and its constructor take them from there.`,
  );
}

/** Gives each weight of a folded layer the value that the source layer computes with. */
function copyWeights(source: layers.Layer, folded: layers.Layer): void {
  const wrappers = [...layersIn(source)].filter(isMultiplierLayer);
  const kernels = wrappers.flatMap((wrapper) => wrapper.kernels);
  const effective = new Map(kernels.map((kernel) => [kernel.kernel, kernel.fresh()]));
  const factors = new Set(kernels.flatMap((kernel) => kernel.factorWeights));
  const weights = source.weights.filter((weight) => !factors.has(weight));
  const computedWith = (weight: LayerVariable): tf.Tensor => effective.get(weight) ?? weight.read();
  assignWeights(WHERE, source, weights, folded.weights, computedWith);
}

/**
 * A model without multipliers that computes the same: each wrapped layer is replaced by the plain layer inside, with
 * W_eff = s · c · W · r as its kernel. Names, structure and the number of parameters are those of the model before
 * wrapping, and a process that loads the result needs only tfjs.
 *
 * The graph is copied call by call, as in `addMultipliers`. The new model is a plain Sequential or LayersModel, has its
 * own variables and is not compiled; the source stays as it was. Constraints of folded kernels are dropped, because
 * they applied to W.
 *
 * @param model a Sequential or functional model, with nested and shared layers; one without multipliers
 *   is copied
 * @returns a new Sequential for a Sequential, else a new LayersModel
 * @throws TypeError for anything but a model of layers, such as a tf.GraphModel; Error for a
 *   layer that cannot be made from its configuration, and for a subclass of LayersModel with a `call` of its own
 * @see arXiv 2601.04890, sec. 2: at inference W_eff is one ordinary matrix
 * @example
 * const deployed = foldMultipliers(model); // save this one
 */
export function foldMultipliers(model: LayersModel): LayersModel {
  checkModel(WHERE, model);
  return copyModel(WHERE, model, { copyLayer: foldedLayer, copyWeights });
}
