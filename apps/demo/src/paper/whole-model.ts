/** The demo's model with the multipliers that an experiment asks for, and its outputs. */
import type * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { languageModel, type Preset } from '@tfjs-lrm/language-model';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { rootMeanSquare } from './train-cell.ts';

/** The multipliers of a whole model: vectors are those of rows and columns, the head's of its columns alone. */
export type Multipliers = 'no multipliers' | 'scalars' | 'rows and columns';

const SCALAR = { scalar: true, row: false, column: false };

export function wholeModel(
  preset: Preset,
  vocabulary: number,
  multipliers: Multipliers,
  seed: number,
): LayersModel {
  const plain = languageModel(preset, vocabulary, multipliers === 'rows and columns', seed);
  if (multipliers !== 'scalars') return plain;
  const model = addMultipliers(plain, {
    placement: (layer) => (/_norm$|^norm$/.test(layer.name) ? null : SCALAR),
  });
  plain.dispose();
  return model;
}

/** Freezes the gains of all norms. */
export function freezeNorms(model: LayersModel): void {
  for (const layer of model.layers) if (/norm$/.test(layer.name)) layer.trainable = false;
}

/** Root mean squares of the outputs of layers on a batch of token ids. */
export function outputsOf(
  model: LayersModel,
  layers: readonly string[],
  tokens: tf.Tensor,
): number[] {
  const outputs = layers.map((layer) => model.getLayer(layer).output as SymbolicTensor);
  const values = [makeModel({ inputs: model.inputs, outputs }).apply(tokens)].flat() as tf.Tensor[];
  const scales = values.map(rootMeanSquare);
  for (const value of values) value.dispose();
  return scales;
}
