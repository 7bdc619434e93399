import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { makeCorpus, mean } from '@tfjs-lrm/language-model';
import { expect, it } from 'vitest';
import { withSymbols } from './mixture.ts';
import { scoresOf, TASKS, TEXT } from './score.ts';

const corpus = withSymbols(makeCorpus('the quick brown fox jumps over the lazy dog. '.repeat(60)));
const size = { width: 1, blocks: 1, heads: 1, mlp: 1, context: 48, batch: 8, steps: 1 };
const EXAMPLES = 30;

/** A stand-in for a model that reads the character after each place from the row itself, changed by `change`. */
const seer = (change: (ids: tf.Tensor) => tf.Tensor): LayersModel =>
  ({
    apply: (x: tf.Tensor2D) => {
      const next = tf.pad(tf.slice(x, [0, 1], [-1, -1]), [
        [0, 0],
        [0, 1],
      ]);
      return tf.oneHot(tf.cast(change(next), 'int32'), corpus.vocabulary.length);
    },
  }) as unknown as LayersModel;

it('gives full scores for right characters and none for wrong ones, over as many examples as asked for', () => {
  const right = scoresOf(
    seer((ids) => ids),
    corpus,
    size,
    EXAMPLES,
  );
  expect(Object.keys(right)).toEqual(TASKS);
  for (const task of TASKS) {
    expect(right[task]).toHaveLength(EXAMPLES);
    // What follows the last place of a row is not in it.
    expect(mean(right[task] as number[])).toBeGreaterThan(task === TEXT ? 0.97 : 0.7);
  }
  const wrong = scoresOf(
    seer((ids) => tf.add(ids, 1)),
    corpus,
    size,
    EXAMPLES,
  );
  for (const task of TASKS) expect(mean(wrong[task] as number[])).toBeLessThan(0.03);
});

it('counts an answer with one wrong character as wrong, and of a text the characters that are right', () => {
  // The line break that ends every answer is missed; the text has none.
  const lineBreak = corpus.ids.get('\n') as number;
  const scores = scoresOf(
    seer((ids) => tf.where(tf.equal(ids, lineBreak), tf.onesLike(ids), ids)),
    corpus,
    size,
    EXAMPLES,
  );
  for (const task of TASKS)
    if (task === TEXT) expect(mean(scores[task] as number[])).toBeGreaterThan(0.97);
    else expect(mean(scores[task] as number[])).toBeLessThan(0.3);
});
