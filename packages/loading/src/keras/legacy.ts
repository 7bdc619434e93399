/** The weights of `.h5` files: a group for each layer of the model, with the names of its weights in their order. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { meanings, targetsIn } from '@tfjs-lrm/core/kit';
import { originalNameOf } from '../assignment.ts';
import { preview } from '../load-error.ts';
import { type Hdf5, refusal } from './hdf5.ts';
import { type SavedWeights, weightsIn } from './saved-weights.ts';

type Spec = tf.io.WeightsManifestEntry;

/** A list of names; Keras splits one that is too long for an attribute: `layer_names0`, `layer_names1`, … */
function namesAt(file: Hdf5, group: string, name: string): readonly string[] {
  const whole = file.texts(group, name);
  if (whole !== null) return whole;
  const parts: string[] = [];
  for (let i = 0; ; i++) {
    const part = file.texts(group, `${name}${i}`);
    if (part === null) break;
    parts.push(...part);
  }
  if (parts.length > 0) return parts;
  throw refusal(`have the attribute "${name}" at ${preview(group)}`, 'none');
}

/** A weight in the file: its layer, the path that Keras gives it, and where its values are. */
interface Place {
  readonly layer: string;
  readonly weight: string;
  readonly dataset: string;
}

function placesIn(file: Hdf5, root: string): Place[] {
  const at = (path: string): string => (root === '' ? path : `${root}/${path}`);
  // What belongs to the model and to none of its layers comes last.
  return [...namesAt(file, root, 'layer_names'), 'top_level_model_weights']
    .filter((layer) => file.groups.has(at(layer)))
    .flatMap((layer) =>
      namesAt(file, at(layer), 'weight_names').map((weight) => {
        const dataset = at(`${layer}/${weight}`);
        if (!file.datasets.has(dataset)) {
          throw refusal('hold the weights that it lists', `none at ${preview(dataset)}`);
        }
        return { layer, weight: weight.replace(/:0$/, ''), dataset };
      }),
    );
}

/** The weights of one layer for its names, or for their order where a name does not say which. */
function weightsFor(layer: layers.Layer, names: readonly string[]): (LayerVariable | undefined)[] {
  const targets = targetsIn([layer], []);
  const matches = names.map((name) => meanings(`${layer.name}/${name}`, targets));
  const byName = matches.map(([weight]) => weight);
  const isClear =
    matches.every(({ length }) => length === 1) && new Set(byName).size === names.length;
  if (isClear || layer.weights.length !== names.length) return byName;
  return [...layer.weights];
}

/** The layers of a model for those of a file: by name, or in their order where no name matches, as Keras takes them. */
function layersFor(
  names: readonly string[],
  model: LayersModel,
): ReadonlyMap<string, layers.Layer | undefined> {
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  const withWeights = model.layers.filter(({ weights }) => weights.length > 0);
  const isOther = !names.some((name) => byName.has(name)) && names.length === withWeights.length;
  return new Map(names.map((name, i) => [name, isOther ? withWeights[i] : byName.get(name)]));
}

/**
 * The weights of a file under their group.
 *
 * @param root the group of the weights: `model_weights`, or the root where there is no model
 */
export function legacyWeights(file: Hdf5, root: string): SavedWeights {
  const places = placesIn(file, root);
  const byLayer = new Map<string, Place[]>();
  for (const place of places) {
    byLayer.set(place.layer, [...(byLayer.get(place.layer) ?? []), place]);
  }
  return {
    ...weightsIn(
      file,
      places.map(({ layer, weight, dataset }) => [`${layer}/${weight}`, dataset]),
    ),
    assign(_, model, specs) {
      const entries = new Map(specs.map((spec) => [spec.name, spec]));
      const layerFor = layersFor([...byLayer.keys()], model);
      const assigned = [...byLayer].flatMap(([name, inLayer]) => {
        const layer = layerFor.get(name);
        const names = inLayer.map(({ weight }) => weight);
        const weights = layer && weightsFor(layer, names);
        return names.map((weight, i) => ({
          spec: entries.get(`${name}/${weight}`) as Spec,
          target: weights?.[i],
        }));
      });
      return { assigned, keyOf: originalNameOf };
    },
  };
}
