/** Copies of whole models, in which some layers are replaced. */
import type * as tf from '@tensorflow/tfjs-core';
import { tidy } from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { allOrNothing, copyStanding, isModel, variableOf } from '@tfjs-lrm/core/kit';
import { type Copies, copyGraph } from './copy-graph.ts';
import { copyError } from './copy-layer.ts';
import { isMultiplierLayer } from './multiplier-layer.ts';

/** How the layers of a model are copied. */
export interface Copying {
  /** The copy of a layer, without weights yet. */
  readonly copyLayer: (layer: layers.Layer) => layers.Layer;
  /** Gives a copy its weights, once it is built. */
  readonly copyWeights: (source: layers.Layer, copy: layers.Layer) => void;
}

/** The layers of a model and of the models in it, each once. */
export function layersOf(model: LayersModel): ReadonlySet<layers.Layer> {
  return new Set(
    model.layers.flatMap((layer) => (isModel(layer) ? [...layersOf(layer)] : [layer])),
  );
}

const shapesOf = (weights: readonly LayerVariable[]): string =>
  weights.length === 0
    ? 'no weights'
    : `weights ${weights.map(({ shape }) => `[${shape}]`).join(', ')}`;

/**
 * Assigns the weights of a copy, found by name where the names agree and otherwise by order, and gives them the roles
 * of their sources.
 *
 * @throws Error where the copy of the layer has other weights
 */
export function assignWeights(
  where: string,
  layer: layers.Layer,
  sources: readonly LayerVariable[],
  targets: readonly LayerVariable[],
  value: (source: LayerVariable) => tf.Tensor,
): void {
  const byName = new Map(sources.map((weight) => [weight.originalName, weight]));
  // Names differ where a layer was built before it was named, or inside a layer that names its own parts.
  const isNamed =
    byName.size === targets.length && targets.every((target) => byName.has(target.originalName));
  const ordered = isNamed
    ? targets.map((target) => byName.get(target.originalName) as LayerVariable)
    : sources;
  if (shapesOf(ordered) !== shapesOf(targets)) {
    throw copyError(
      where,
      layer,
      `its copy has ${shapesOf(targets)} where it has ${shapesOf(ordered)}`,
    );
  }
  targets.forEach((target, i) => {
    const source = ordered[i] as LayerVariable;
    // Bypasses LayerVariable.write, which would apply a constraint.
    variableOf(target).assign(value(source));
    copyStanding(variableOf(source), variableOf(target));
    if (!source.trainable) target.trainable = false;
  });
}

/** Freezes what is frozen in the source: models do not save it, and Bidirectional does not read it. */
function copyFrozen(source: layers.Layer, target: layers.Layer): void {
  // The layer inside may be frozen alone; after folding, it is the layer itself.
  const inside = isMultiplierLayer(source) ? source.layer : null;
  const isFolded = inside !== null && !isMultiplierLayer(target);
  if (inside !== null && isMultiplierLayer(target)) copyFrozen(inside, target.layer);
  const isFrozen = !source.trainable || (isFolded && !inside.trainable);
  if (isFrozen && target.trainable) target.trainable = false;
}

/**
 * A model with the same graph, and with its own copies of the layers and weights.
 *
 * @returns a plain Sequential for a Sequential or a subclass of it, else a plain LayersModel
 * @throws Error for a layer or model that has no faithful copy; everything created until then is freed
 */
export function copyModel(where: string, model: LayersModel, copying: Copying): LayersModel {
  const copies: Copies = new Map();
  const copy = allOrNothing(() => {
    const graph = copyGraph(where, model, copying.copyLayer, copies);
    tidy(() => {
      for (const [source, target] of copies) {
        if (!isModel(source)) copying.copyWeights(source, target);
      }
    });
    return graph;
  });
  // Outer models after inner ones, because freezing a model freezes everything in it.
  for (const [source, target] of [...copies, [model, copy] as const]) copyFrozen(source, target);
  const metadata = model.getUserDefinedMetadata();
  if (metadata != null) copy.setUserDefinedMetadata(metadata);
  return copy;
}
