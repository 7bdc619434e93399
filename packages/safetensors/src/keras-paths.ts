/** The names that Keras 3 gives the weights of a model: `weight.path` in Python. */
import type { LayersModel, LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { isLayer, isModel, kerasEndOf } from '@tfjs-lrm/core/kit';

/** The cell inside a recurrent layer, which Keras names by its class. */
const CELLS: Readonly<Record<string, string>> = {
  SimpleRNN: 'simple_rnn_cell',
  GRU: 'gru_cell',
  KerasGRU: 'gru_cell',
  LSTM: 'lstm_cell',
  ConvLSTM2D: 'conv_lstm_cell',
};

type Note = (weight: LayerVariable, path: string) => void;

const insideOf = (layer: layers.Layer, key: string): layers.Layer | null => {
  const inside = (layer as unknown as Record<string, unknown>)[key];
  return isLayer(inside) ? inside : null;
};

/** What follows the name of the layer in that of its weight, or the name of the wrapper that built it. */
function endOf(layer: layers.Layer, wrapper: string, { originalName }: LayerVariable): string {
  const scope = [layer.name, wrapper].find((name) => originalName.startsWith(`${name}/`));
  const end = scope === undefined ? originalName : originalName.slice(scope.length + 1);
  return kerasEndOf(layer, end);
}

const lastOf = ({ originalName }: LayerVariable): string => originalName.replace(/^.*\//s, '');

function noteCell(cell: layers.Layer, scope: string, note: Note): void {
  const { cells } = cell as { cells?: unknown };
  if (Array.isArray(cells)) {
    for (const each of cells as layers.Layer[]) noteCell(each, `${scope}/${each.name}`, note);
    return;
  }
  for (const weight of cell.weights) note(weight, `${scope}/${lastOf(weight)}`);
}

function noteLayer(layer: layers.Layer, scope: string, note: Note): void {
  if (isModel(layer)) {
    noteModel(layer, note);
    return;
  }
  // `@tfjs-lrm/loading` gives recurrent layers on padded input classes of its own, such as `LSTMOnPadding`.
  const className = layer.getClassName().replace(/OnPadding$/, '');
  const path = `${scope}${layer.name}`;
  const cell = insideOf(layer, 'cell');
  if (cell !== null) {
    noteCell(cell, `${path}/${CELLS[className] ?? cell.name}`, note);
    return;
  }
  // Of others, such as `withMultipliers`, the layer inside has the name.
  const isScope = className === 'Bidirectional' || className === 'TimeDistributed';
  for (const weight of isScope ? [] : layer.weights) {
    note(weight, `${path}/${endOf(layer, scope.split('/').at(-2) ?? '', weight)}`);
  }
  for (const key of ['layer', 'forwardLayer', 'backwardLayer']) {
    const inside = insideOf(layer, key);
    if (inside !== null) noteLayer(inside, isScope ? `${path}/` : scope, note);
  }
}

/** Keras puts the name of a Sequential model before those of its layers; the layers of other models exist before it. */
function noteModel(model: LayersModel, note: Note): void {
  const scope = model.getClassName() === 'Sequential' ? `${model.name}/` : '';
  for (const layer of model.layers) noteLayer(layer, scope, note);
}

/**
 * The path of each weight in Keras 3, in a model that Python code builds as this one: `mlp/dense/kernel` in a Sequential
 * model named mlp, `dense/kernel` in another one, `lstm/lstm_cell/kernel`, `both/forward_lstm/lstm_cell/bias`.
 */
export function kerasPaths(model: LayersModel): ReadonlyMap<LayerVariable, string> {
  const paths = new Map<LayerVariable, string>();
  noteModel(model, (weight, path) => paths.set(weight, path));
  return paths;
}
