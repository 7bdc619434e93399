/**
 * Which dataset of a Keras file holds which weight of a model.
 *
 * Keras numbers the layers of each model by class, as in `layers/functional/layers/dense_1/vars/0`, and the weights of
 * each layer in the order in which it creates them, which is that of tfjs.
 */
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { isLayer, isModel, weightAt } from '@tfjs-lrm/core/kit';
import { isObject } from '../saved.ts';
import {
  isGenerated,
  isKerasLayer,
  isOperation,
  type KerasLayer,
  kerasClass,
  layersOf,
  namesInList,
} from './kinds.ts';

/** A weight, and the path of its dataset. */
export interface Slot {
  readonly dataset: string;
  readonly weight: LayerVariable;
}

/** What a file says about its groups. */
export interface Groups {
  has(path: string): boolean;
  /** The names of layers by the paths of their groups; Keras before 3.4 writes none. */
  readonly names: ReadonlyMap<string, string>;
}

/** Those of a file that is being written by the newest Keras. */
const EVERY_GROUP: Groups = { has: () => true, names: new Map() };

const RECURRENT = ['LSTM', 'GRU', 'SimpleRNN'];

/** The layers inside MultiHeadAttention, in the order in which it creates them; Keras 2 writes `_` before them. */
const PROJECTIONS = ['query', 'key', 'value', 'output'];

const slotsAt = (group: string, weights: readonly LayerVariable[]): Slot[] =>
  weights.map((weight, i) => ({ dataset: `${group}/vars/${i}`, weight }));

const insideOf = (layer: layers.Layer, key: string): layers.Layer | null => {
  const inside = (layer as unknown as Record<string, unknown>)[key];
  return isLayer(inside) ? inside : null;
};

function slotsOfCell(saved: unknown, cell: layers.Layer, group: string): Slot[] {
  const inside = (cell as { cells?: unknown }).cells;
  const cells = isKerasLayer(saved) ? saved.config['cells'] : undefined;
  if (!Array.isArray(inside) || !Array.isArray(cells)) return slotsAt(group, cell.weights);
  const names = namesInList(cells.filter(isKerasLayer).map((each) => each.class_name));
  return (inside as layers.Layer[]).flatMap((each, i) =>
    slotsOfCell(cells[i], each, `${group}/cells/${names[i]}`),
  );
}

function slotsOfAttention(layer: layers.Layer, group: string, groups: Groups): Slot[] {
  return PROJECTIONS.flatMap((name) => {
    const path = `${group}/${name}_dense`;
    const weights = ['Kernel', 'Bias'].map((end) => weightAt(layer, `${name}Dense${end}`));
    return slotsAt(
      groups.has(path) ? path : `${group}/_${name}_dense`,
      weights.filter((weight) => weight !== null),
    );
  });
}

function slotsOfLayer(
  saved: KerasLayer,
  layer: layers.Layer,
  group: string,
  groups: Groups,
): Slot[] {
  const { class_name: className, config } = saved;
  if (isModel(layer)) return slotsOf(saved, layer, group, groups);
  if (RECURRENT.includes(className)) return slotsAt(`${group}/cell`, layer.weights);
  if (className === 'MultiHeadAttention') return slotsOfAttention(layer, group, groups);
  const cell = insideOf(layer, 'cell');
  if (className === 'RNN' && cell !== null)
    return slotsOfCell(config['cell'], cell, `${group}/cell`);
  const insides =
    className === 'Bidirectional'
      ? [
          ['forward_layer', insideOf(layer, 'forwardLayer')] as const,
          ['backward_layer', insideOf(layer, 'backwardLayer')] as const,
        ]
      : [['layer', insideOf(layer, 'layer')] as const];
  const wrapped = config['layer'];
  if (
    isObject(wrapped) &&
    isKerasLayer(wrapped) &&
    insides.every(([, inside]) => inside !== null)
  ) {
    return insides.flatMap(([name, inside]) =>
      slotsOfLayer(wrapped, inside as layers.Layer, `${group}/${name}`, groups),
    );
  }
  return slotsAt(group, layer.weights);
}

/** A layer without a wrapper around it that Keras does not have, such as that of `withMultipliers`. */
const unwrapped = (saved: KerasLayer, layer: layers.Layer): layers.Layer =>
  kerasClass(layer.getClassName()) === saved.class_name
    ? layer
    : (insideOf(layer, 'layer') ?? layer);

/**
 * The group of each layer of a model: by the name that it was given where the file has a group with it, else by its class
 * and order, as Keras finds it. Names that Keras generated say nothing; they differ between sessions. Null for a layer
 * whose place in the file is that of a layer with another name, where other names match.
 */
function groupsOf(
  entries: readonly KerasLayer[],
  prefix: string,
  { names }: Groups,
): (string | null)[] {
  const chosen = new Map<string, string>();
  for (const [path, name] of names) {
    const inside = path.startsWith(prefix) ? path.slice(prefix.length) : '/';
    if (!inside.includes('/') && !isGenerated(name, inside)) chosen.set(name, path);
  }
  const isNamed = entries.some(({ config }) => chosen.has(config['name'] as string));
  const others = new Set(chosen.values());
  const ordered = namesInList(entries.map((entry) => entry.class_name));
  return entries.map(({ config }, i) => {
    const path = `${prefix}${ordered[i]}`;
    return chosen.get(config['name'] as string) ?? (isNamed && others.has(path) ? null : path);
  });
}

/**
 * The weights of a model with the paths of their datasets. A layer that is called in several places comes once.
 *
 * @param saved the model as Keras saves it, whose layers have the names of those of `model`
 */
export function slotsOf(
  saved: KerasLayer,
  model: LayersModel,
  group = '',
  groups: Groups = EVERY_GROUP,
): Slot[] {
  const entries = (layersOf(saved) ?? []).filter((entry) => !isOperation(entry));
  const paths = groupsOf(entries, `${group === '' ? '' : `${group}/`}layers/`, groups);
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  return entries.flatMap((entry, i) => {
    const [layer, path] = [byName.get(entry.config['name'] as string), paths[i] ?? null];
    if (layer === undefined || path === null) return [];
    return slotsOfLayer(entry, unwrapped(entry, layer), path, groups);
  });
}
