/**
 * Fig. 1 and 8, MLP: all norm gains are frozen, and S of the matrices of the gated MLPs is varied with ηλ constant, without
 * and with a scalar multiplier on each, under AdamW and under Muon.
 */

import type * as tf from '@tensorflow/tfjs-core';
import { type LayersModel, model as makeModel, type SymbolicTensor } from '@tensorflow/tfjs-layers';
import { type Corpus, languageModel } from '@tfjs-lrm/language-model';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { curve, degradation, inWords, range } from './curves.ts';
import type { Cell, Measured, Outcome, Settings, Verdict } from './experiment.ts';
import { rootMeanSquare, trainCell } from './train-cell.ts';

export const name = 'mlp';
export const title = 'MLP: the scale of gate, up and down';
export const claim =
  'With frozen norm gains the loss degrades as S of the MLP grows; scalar multipliers prevent it, and keep the norm of the block’s output constant, under Adam and Muon alike (fig. 1, 8).';
export const lines = ['AdamW', 'AdamW, scalars', 'Muon', 'Muon, scalars'] as const;

export const charts = [
  { quantity: 'loss', label: 'validation loss, nats a character', title: 'Loss against S' },
  { quantity: 'output', label: 'root mean square', title: 'Outputs of the MLP blocks' },
] as const;

const MLP = /_(gate|up|down)$/;
const NORM = /norm$/;
const ATTENTION = ['query', 'key', 'value', 'output'];

function build({ line, seed, settings }: Cell, vocabulary: number): LayersModel {
  const plain = languageModel(settings.preset, vocabulary, false, seed);
  const hasScalars = line.endsWith('scalars');
  const options = { scalar: true, row: false, column: false };
  const model = hasScalars
    ? addMultipliers(plain, { placement: (layer) => (MLP.test(layer.name) ? options : null) })
    : plain;
  if (model !== plain) plain.dispose();
  for (const layer of model.layers) if (NORM.test(layer.name)) layer.trainable = false;
  return model;
}

/** Root mean square of what the MLPs add to the residual stream. */
function outputOf(model: LayersModel, blocks: number, probe: tf.Tensor): number {
  const outputs = Array.from({ length: blocks }, (_, i) => model.getLayer(`block${i}_down`).output);
  const stream = makeModel({ inputs: model.inputs, outputs: outputs as SymbolicTensor[] });
  const values = [stream.apply(probe)].flat() as tf.Tensor[];
  const squares = values.map((value) => rootMeanSquare(value) ** 2);
  for (const value of values) value.dispose();
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / blocks);
}

export async function train(cell: Cell, corpus: Corpus): Promise<Measured> {
  const { blocks } = cell.settings.preset;
  const model = build(cell, corpus.vocabulary.length);
  // The matrices of attention keep their S: another role puts them into the other group, where decay is the same.
  const others = Array.from({ length: blocks }, (_, i) =>
    ATTENTION.map((part) => [`block${i}_${part}`, 'embedding'] as const),
  );
  const plan = {
    varied: 'matrix',
    roles: Object.fromEntries(others.flat()),
    optimizer: cell.line.startsWith('Muon') ? 'muon' : 'adamw',
  } as const;
  return trainCell(model, cell, plan, corpus, (trained, probe) => ({
    output: outputOf(trained, blocks, probe),
  }));
}

export function judge(outcomes: readonly Outcome[], { rule }: Settings): Verdict {
  const { degradation: least, flatness } = rule as { degradation: number; flatness: number };
  const parts = ['AdamW', 'Muon'].map((optimizer) => {
    const loss = (line: string) => curve(outcomes, line, 'loss');
    const spreadOf = (line: string): number =>
      range(
        curve(outcomes, line, 'output').map((point) => ({
          ...point,
          mean: Math.log10(point.mean),
        })),
      );
    const scalars = `${optimizer}, scalars`;
    const end = degradation(loss(optimizer), 'last');
    const degrades = end.nats > least && end.nats > 2 * end.error;
    const ratio = range(loss(scalars)) / range(loss(optimizer));
    const outputs = spreadOf(scalars) / spreadOf(optimizer);
    const because = `${optimizer}: ${end.nats.toFixed(3)} nats above its best at the largest S (more than ${least}: ${inWords(degrades)}); with scalars the range over S is ${ratio.toFixed(2)} of that without, the range of the outputs’ logarithm ${outputs.toFixed(2)} (at most ${flatness} each)`;
    return { because, degrades, flat: ratio <= flatness, constant: outputs <= flatness };
  });
  const because = `${parts.map((part) => part.because).join('; ')}.`;
  const held = parts.flatMap(({ degrades, flat, constant }) => [degrades, flat, constant]);
  if (held.every(Boolean)) return { verdict: 'reproduced', because };
  const isSeen = parts.some(({ degrades, flat, constant }) => degrades && (flat || constant));
  return { verdict: isSeen ? 'partly' : 'not seen at this size', because };
}
