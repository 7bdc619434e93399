/** Weights in the layout of `model.weights.h5`: by their place in the model, as in `layers/dense_1/vars/0`. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Assignment } from '../assignment.ts';
import type { Hdf5 } from './hdf5.ts';
import type { KerasLayer } from './kinds.ts';
import { type SavedWeights, weightsIn } from './saved-weights.ts';
import { type Groups, slotsOf } from './structure.ts';

type Spec = tf.io.WeightsManifestEntry;

/** A weight, not the state of an optimizer, a metric or a random number generator. */
const isWeight = (path: string): boolean =>
  /^(layers|_layer_checkpoint_dependencies)\//.test(path) && !path.includes('/seed_generator/');

/** Whether weights have such names, as in what `tensorflowjs_converter` makes of a `.keras` file. */
export const areStructured = (specs: readonly Spec[]): boolean =>
  specs.length > 0 && specs.every(({ name }) => /(^|\/)vars\/\d+$/.test(name));

/** @param saved the model that the file is of, or `structureOf` that it is for */
export function assignByPlace(
  saved: KerasLayer,
  model: LayersModel,
  specs: readonly Spec[],
  groups: Groups,
): Assignment {
  const slots = slotsOf(saved, model, '', groups);
  const targets = new Map(slots.map(({ dataset, weight }) => [dataset, weight]));
  const keys = new Map(slots.map(({ dataset, weight }) => [weight, dataset]));
  return {
    assigned: specs
      .filter(({ name }) => isWeight(name))
      .map((spec) => ({
        spec,
        target: targets.get(spec.name),
        layer: groups.names.get(spec.name.replace(/\/vars\/\d+$/, '')),
      })),
    keyOf: (weight) => keys.get(weight) ?? weight.originalName,
  };
}

/** What the paths of datasets say about their groups. */
export function groupsAround(paths: Iterable<string>): Groups {
  const groups = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      groups.add(path.slice(0, at));
    }
  }
  return { has: (path) => groups.has(path), names: new Map() };
}

function groupsIn(file: Hdf5): Groups {
  const groups = new Set(file.groups);
  const named = [...groups].flatMap((path): [string, string][] => {
    const [, layer] = /^(.+)\/vars$/.exec(path) ?? [];
    const [name] = layer === undefined ? [] : (file.texts(path, 'name') ?? []);
    return layer === undefined || name === undefined ? [] : [[layer, name]];
  });
  return { has: (path) => groups.has(path), names: new Map(named) };
}

export function structuredWeights(file: Hdf5): SavedWeights {
  const paths = [...file.datasets].filter(isWeight);
  const groups = groupsIn(file);
  return {
    ...weightsIn(
      file,
      paths.map((path) => [path, path]),
    ),
    assign: (saved, model, specs) => assignByPlace(saved, model, specs, groups),
  };
}
