/**
 * Which dataset of a Keras file holds which weight of a model.
 *
 * Keras numbers the layers of each model by class, as in `layers/functional/layers/dense_1/vars/0`, and the weights of
 * each layer in the order in which it creates them, which is that of tfjs.
 */
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { isLayer, isModel, weightAt } from '@tfjs-lrm/core/kit';
import { isObject } from '../saved.ts';
import { isKerasLayer, isOperation, type KerasLayer, layersOf, namesInList } from './kinds.ts';

/** A weight, and the path of its dataset. */
export interface Slot {
  readonly dataset: string;
  readonly weight: LayerVariable;
}

/** Whether the file has a group; a file that is being written has none yet, and gets those of the newest Keras. */
type HasGroup = (path: string) => boolean;

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

function slotsOfAttention(layer: layers.Layer, group: string, hasGroup: HasGroup): Slot[] {
  return PROJECTIONS.flatMap((name) => {
    const path = `${group}/${name}_dense`;
    const weights = ['Kernel', 'Bias'].map((end) => weightAt(layer, `${name}Dense${end}`));
    return slotsAt(
      hasGroup(path) ? path : `${group}/_${name}_dense`,
      weights.filter((weight) => weight !== null),
    );
  });
}

function slotsOfLayer(
  saved: KerasLayer,
  layer: layers.Layer,
  group: string,
  hasGroup: HasGroup,
): Slot[] {
  const { class_name: className, config } = saved;
  if (isModel(layer)) return slotsOf(saved, layer, group, hasGroup);
  if (RECURRENT.includes(className)) return slotsAt(`${group}/cell`, layer.weights);
  if (className === 'MultiHeadAttention') return slotsOfAttention(layer, group, hasGroup);
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
      slotsOfLayer(wrapped, inside as layers.Layer, `${group}/${name}`, hasGroup),
    );
  }
  return slotsAt(group, layer.weights);
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
  hasGroup: HasGroup = () => true,
): Slot[] {
  const entries = (layersOf(saved) ?? []).filter((entry) => !isOperation(entry));
  const names = namesInList(entries.map((entry) => entry.class_name));
  const byName = new Map(model.layers.map((layer) => [layer.name, layer]));
  return entries.flatMap((entry, i) => {
    const layer = byName.get(entry.config['name'] as string);
    const path = `${group === '' ? '' : `${group}/`}layers/${names[i]}`;
    return layer === undefined ? [] : slotsOfLayer(entry, layer, path, hasGroup);
  });
}
