/** The scores of a model on held-out examples. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { nextBatch, type Preset } from '@tfjs-lrm/language-model';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { GENERATED } from './generated.ts';
import { exampleRow, type Row, type TaskCorpus } from './mixture.ts';

export const TEXT = 'next character';
export const TASKS: readonly string[] = [...GENERATED.map(({ name }) => name), TEXT];

const SCORING_SEED = 9;

/** Rows with `examples` answers, the same in every call. */
function rowsOf(name: string, examples: number, context: number, corpus: TaskCorpus): Row[] {
  const random = xoroshiro128plus(SCORING_SEED);
  const task = GENERATED.find((each) => each.name === name);
  const rows: Row[] = [];
  for (let count = 0; count < examples; ) {
    const row =
      task === undefined
        ? { ...nextBatch(corpus.validation, 1, context, random), answers: [[0, context] as const] }
        : exampleRow(task, 'held out', context, corpus.ids, random);
    rows.push({ ...row, answers: row.answers.slice(0, examples - count) });
    count += row.answers.length;
  }
  return rows;
}

/** The likeliest next character at every place of every row: [row][place]. */
function guesses(model: LayersModel, rows: readonly Row[], { batch, context }: Preset): number[][] {
  const all: number[][] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const some = rows.slice(from, from + batch);
    all.push(
      ...tf.tidy(() => {
        const data = Int32Array.from(some.flatMap(({ inputs }) => [...inputs]));
        const x = tf.tensor2d(data, [some.length, context], 'int32');
        return (tf.argMax(model.apply(x) as tf.Tensor, 2) as tf.Tensor2D).arraySync();
      }),
    );
  }
  return all;
}

/**
 * The scores of `examples` held-out examples of each task, always the same ones, from 0 to 1: whether an answer is right
 * to its last character, and of a text the share of characters that are. An answer of which every character is
 * the likeliest after those before it is one that greedy generation gives.
 */
export function scoresOf(
  model: LayersModel,
  corpus: TaskCorpus,
  preset: Preset,
  examples: number,
): Record<string, number[]> {
  return Object.fromEntries(
    TASKS.map((name) => {
      const rows = rowsOf(name, examples, preset.context, corpus);
      const guessed = guesses(model, rows, preset);
      const scores = rows.flatMap(({ targets, answers }, r) =>
        answers.map(([from, to]) => {
          let right = 0;
          for (let at = from; at < to; at++) if (guessed[r]?.[at] === targets[at]) right++;
          return name === TEXT ? right / (to - from) : Number(right === to - from);
        }),
      );
      return [name, scores];
    }),
  );
}
