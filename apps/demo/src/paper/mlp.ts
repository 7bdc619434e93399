/**
 * Fig. 1 and 8, MLP: all norm gains are frozen, and S of the matrices of the gated MLPs is varied with ηλ constant, without
 * and with a scalar multiplier on each, under AdamW and under Muon.
 */

import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { assignRoles } from '@tfjs-lrm/core';
import { type Corpus, languageModel } from '@tfjs-lrm/language-model';
import { addMultipliers } from '@tfjs-lrm/multipliers';
import { curve, degradation, inWords, numberOf, range } from './curves.ts';
import type { Drawing } from './drawings.ts';
import {
  type Cell,
  grid,
  type Measured,
  type Outcome,
  type Plan,
  type Verdict,
  verdictOf,
} from './experiment.ts';
import {
  chartsOverFactors,
  type ScaledSettings,
  type ScaledTraining,
  scaledOptimizer,
  TRAINING,
} from './scaled-optimizer.ts';
import { trainCell } from './train-cell.ts';
import { freezeNorms, outputsOf } from './whole-model.ts';

export const name = 'mlp';
export const title = 'MLP: the scale of gate, up and down';
export const claim =
  'With frozen norm gains the loss degrades as S of the MLP grows; scalar multipliers prevent it, and keep the norm of the block’s output constant, under Adam and Muon alike (fig. 1, 8).';

const LINES = ['AdamW', 'AdamW, scalars', 'Muon', 'Muon, scalars'] as const;

type Varied = { readonly line: (typeof LINES)[number]; readonly factor: number };

export const plans = (settings: ScaledSettings): Plan<Varied, ScaledTraining>[] =>
  grid(name, { line: LINES, factor: settings.factors }, settings, TRAINING);

type OwnCell = Cell<Varied, ScaledTraining>;

const MLP = /_(gate|up|down)$/;
const ATTENTION = ['query', 'key', 'value', 'output'];

function build({ varied, seed, settings }: OwnCell, vocabulary: number): LayersModel {
  const plain = languageModel(settings.preset, vocabulary, false, seed);
  const hasScalars = varied.line.endsWith('scalars');
  const options = { scalar: true, row: false, column: false };
  const model = hasScalars
    ? addMultipliers(plain, { placement: (layer) => (MLP.test(layer.name) ? options : null) })
    : plain;
  if (model !== plain) plain.dispose();
  freezeNorms(model);
  return model;
}

/** Root mean square of what the MLPs add to the residual stream. */
function outputOf(model: LayersModel, blocks: number, probe: tf.Tensor): number {
  const layers = Array.from({ length: blocks }, (_, i) => `block${i}_down`);
  const squares = outputsOf(model, layers, probe).map((scale) => scale ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / blocks);
}

export async function train(cell: OwnCell, corpus: Corpus): Promise<Measured> {
  const { settings, varied } = cell;
  const { blocks } = settings.preset;
  const model = build(cell, corpus.vocabulary.length);
  // The matrices of attention keep their S: another role puts them into the other group, where decay is the same.
  const others = Array.from({ length: blocks }, (_, i) =>
    ATTENTION.map((part) => [`block${i}_${part}`, 'embedding'] as const),
  );
  assignRoles(model, Object.fromEntries(others.flat()));
  const optimizer = scaledOptimizer(settings, varied.factor, {
    role: 'matrix',
    optimizer: varied.line.startsWith('Muon') ? 'muon' : 'adamw',
  });
  return trainCell({ model, optimizer, cell }, corpus, (probe) => ({
    output: outputOf(model, blocks, probe),
  }));
}

const quantity = (outcomes: readonly Outcome<Varied>[], line: string, what: string) =>
  curve(outcomes, { line: line as Varied['line'] }, 'factor', numberOf(what));

export function drawings(
  outcomes: readonly Outcome<Varied>[],
  settings: ScaledSettings,
): Drawing[] {
  const charts = [
    ['loss', 'Loss against S', 'validation loss, nats a character'],
    ['output', 'Outputs of the MLP blocks', 'root mean square'],
  ] as const;
  return chartsOverFactors(charts, LINES, (line, what) => quantity(outcomes, line, what), settings);
}

export function judge(outcomes: readonly Outcome<Varied>[], { rule }: ScaledSettings): Verdict {
  const { degradation: least, flatness } = rule as { degradation: number; flatness: number };
  const parts = ['AdamW', 'Muon'].map((optimizer) => {
    const loss = (line: string) => quantity(outcomes, line, 'loss');
    const spreadOf = (line: string): number =>
      range(
        quantity(outcomes, line, 'output').map((point) => ({
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
  const isSeen = parts.some(({ degrades, flat, constant }) => degrades && (flat || constant));
  return verdictOf(because, held.every(Boolean), isSeen);
}
