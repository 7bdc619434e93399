import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { allOrNothing, copyRole, isModel, variableOf } from '@tfjs-lrm/core/kit';
import { graphOf, inOrderOfUse } from './graph.ts';
import { layerToConfig } from './internals.ts';
import { isMultiplierLayer } from './multiplier-layer.ts';

/** A configuration of a layer or model. */
export type Config = Record<string, unknown>;

interface ModelClass {
  fromConfig(
    cls: unknown,
    config: unknown,
    customObjects: object,
    fastWeightInit: boolean,
  ): LayersModel;
}

/** A layer in the configuration of a model. */
interface Saved {
  readonly className: string;
  readonly config: Config;
}

/** The configuration of a model, in which `saved` gives the part of each layer that is no model. */
export function configOf(
  model: LayersModel,
  saved: (layer: layers.Layer) => Saved = layerToConfig,
): Config {
  const config = model.getConfig() as Config;
  const entries = (config['layers'] as (Saved & { name?: string })[]).map((entry) => {
    const layer = model.getLayer(entry.name ?? (entry.config['name'] as string));
    return isModel(layer)
      ? { ...entry, config: configOf(layer, saved) }
      : { ...entry, ...saved(layer) };
  });
  return { ...config, layers: inOrderOfUse(entries) };
}

/** Assigns to the weights of a copy, which are found by name, and gives them the roles of their sources. */
export function assignWeights(
  sources: readonly LayerVariable[],
  targets: readonly LayerVariable[],
  value: (source: LayerVariable) => tf.Tensor,
): void {
  const byName = new Map(sources.map((weight) => [weight.originalName, weight]));
  // Names differ only where a layer was built before it was named; the order is the same then.
  const named =
    byName.size === targets.length && targets.every((target) => byName.has(target.originalName));
  targets.forEach((target, at) => {
    const source = (named ? byName.get(target.originalName) : sources[at]) as LayerVariable;
    const variable = variableOf(target);
    // Past LayerVariable.write, which would apply a constraint.
    variable.assign(value(source));
    copyRole(variableOf(source), variable);
    if (!source.trainable) target.trainable = false;
  });
}

/** Models do not save that they are frozen, and Bidirectional does not read it. */
function copyFrozen(source: layers.Layer, target: layers.Layer): void {
  if (isModel(source)) {
    for (const layer of source.layers) {
      copyFrozen(layer, (target as LayersModel).getLayer(layer.name));
    }
  }
  // The layer inside may be frozen alone; folded, it is the layer.
  const inside = isMultiplierLayer(source) ? source.layer : null;
  const isFolded = inside !== null && !isMultiplierLayer(target);
  if (inside !== null && isMultiplierLayer(target)) copyFrozen(inside, target.layer);
  const isFrozen = !source.trainable || (isFolded && !inside.trainable);
  if (isFrozen && target.trainable) target.trainable = false;
}

/** A model of the same class from a changed configuration; `fill` assigns all of its weights. */
export function rebuild(
  where: string,
  model: LayersModel,
  config: Config,
  fill: (copy: LayersModel) => void,
): LayersModel {
  const cls = model.constructor as unknown as ModelClass;
  // Zeros instead of the layers' initializers, because every weight is assigned below.
  const graph = graphOf(config);
  const copy = allOrNothing(() => {
    const made = cls.fromConfig(cls, config, {}, true);
    if (graphOf(made.getConfig() as Config) !== graph) {
      throw new Error(
        `${where}: tfjs rebuilds model "${model.name}" with the calls of a shared layer in another order, which would change its outputs. Call the shared layer in the order of its inputs, or use a layer for each call.`,
      );
    }
    tf.tidy(() => fill(made));
    return made;
  });
  copyFrozen(model, copy);
  const metadata = model.getUserDefinedMetadata();
  if (metadata != null) copy.setUserDefinedMetadata(metadata);
  return copy;
}
