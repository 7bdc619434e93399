import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import { constraintKey, isModel, isPlain, layersIn } from '@tfjs-lrm/core/kit';
import { CLASS_NAME } from './check-layer.ts';
import { checkModel } from './check-model.ts';
import { assignWeights, type Config, configOf, rebuild } from './copy-model.ts';
import { isMultiplierLayer } from './multiplier-layer.ts';

interface SavedWrapper {
  readonly name: string;
  readonly trainable: boolean;
  readonly layer: { readonly className: string; readonly config: Config };
  readonly kernels?: readonly { readonly name: string }[];
}

/** The keys under which the layers of tfjs save the constraints of their kernels. */
const CONSTRAINTS = [
  'kernel',
  'recurrentKernel',
  'depthwiseKernel',
  'pointwiseKernel',
  'embeddings',
].map(constraintKey);

/** A copy of a configuration without some keys, at any depth: cells and layers in layers save theirs there. */
function withoutKeys(config: Config, dropped: ReadonlySet<string>): Config {
  const kept = Object.entries(config).filter(([key]) => !dropped.has(key));
  const inner = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inner);
    return typeof value === 'object' && value !== null && isPlain(value)
      ? withoutKeys(value as Config, dropped)
      : value;
  };
  return Object.fromEntries(kept.map(([key, value]) => [key, inner(value)]));
}

/** The configuration of the layer inside, under the wrapper's name. */
function unwrapped({ name, trainable, layer, kernels }: SavedWrapper): {
  className: string;
  config: Config;
} {
  // A constraint held for W; kept, it would change W_eff whenever the folded model is loaded.
  const named = kernels?.map((kernel) => constraintKey(kernel.name));
  const config = {
    ...withoutKeys(layer.config, new Set(named ?? CONSTRAINTS)),
    name,
    trainable: trainable && layer.config['trainable'] !== false,
  };
  return { className: layer.className, config };
}

/** A copy of a model's configuration with the inner layer in the place of each wrapper. */
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

/** Gives each weight of a folded layer or model the value that the source computes with. */
function copyWeights(source: layers.Layer, folded: layers.Layer): void {
  if (isModel(source)) {
    for (const layer of source.layers) {
      copyWeights(layer, (folded as LayersModel).getLayer(layer.name));
    }
    return;
  }
  const wrappers = [...layersIn(source)].filter(isMultiplierLayer);
  const kernels = wrappers.flatMap((wrapper) => wrapper.kernels);
  const effective = new Map(kernels.map((kernel) => [kernel.kernel, kernel.fresh()]));
  const factors = new Set(kernels.flatMap((kernel) => kernel.factorWeights));
  const weights = source.weights.filter((weight) => !factors.has(weight));
  assignWeights(weights, folded.weights, (weight) => effective.get(weight) ?? weight.read());
}

/**
 * A model without multipliers that computes the same: each wrapped layer becomes the plain layer inside,
 * with W_eff = s · c · W · r as its kernel. Names, structure and the number of parameters are those of the
 * model before it was wrapped, and a process that loads the result needs tfjs alone.
 *
 * The new model has variables of its own and is not compiled; the source stays as it was. Constraints of
 * folded kernels are dropped: they held for W.
 *
 * @param model a Sequential or functional model, with nested and shared layers; one without multipliers
 *   is copied
 * @returns a new model of the same class
 * @throws TypeError for something that is no model of layers, a tf.GraphModel say; Error for a graph that
 *   tfjs cannot rebuild in its order
 * @see arXiv 2601.04890, sec. 2: at inference W_eff is one ordinary matrix
 * @example
 * const deployed = foldMultipliers(model); // save this one
 */
export function foldMultipliers(model: LayersModel): LayersModel {
  checkModel('foldMultipliers', model);
  return rebuild('foldMultipliers', model, withoutWrappers(configOf(model)) as Config, (folded) =>
    copyWeights(model, folded),
  );
}
