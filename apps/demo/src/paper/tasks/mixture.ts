/** Rows of examples for training and for scoring, and the vocabulary that they share with the text. */

import { type Batch, type Corpus, nextBatch } from '@tfjs-lrm/language-model';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { GENERATED } from './generated.ts';
import { below, drawFrom, type Split, type Task } from './task.ts';

/** The target of a character that does not count, as those of questions. */
export const UNCOUNTED = -1;

/** Characters that the questions have and the text may lack. */
const SYMBOLS = [...'abcdefghijklmnopqrstuvwxyz0123456789()[]{}<>+%?=\n'];

/** A text with ids of a vocabulary that has all characters of the questions too. */
export interface TaskCorpus extends Corpus {
  readonly ids: ReadonlyMap<string, number>;
}

/** The same text with the characters of the tasks in its vocabulary. */
export function withSymbols({ vocabulary, training, validation }: Corpus): TaskCorpus {
  const all = [...new Set([...vocabulary, ...SYMBOLS])].sort();
  const ids = new Map(all.map((character, id) => [character, id]));
  const renumber = (data: Int32Array): Int32Array =>
    data.map((id) => ids.get(vocabulary[id] as string) as number);
  return { vocabulary: all, ids, training: renumber(training), validation: renumber(validation) };
}

/** A row of inputs and targets, and where in it the answers stand: places of targets, from and to before. */
export interface Row {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
  readonly answers: readonly (readonly [from: number, to: number])[];
}

/** A row of as many examples of a task as fit; only the characters of answers are targets. */
export function exampleRow(
  task: Task,
  split: Split,
  context: number,
  ids: TaskCorpus['ids'],
  random: RandomGenerator,
): Row {
  let text = '';
  const answers: (readonly [number, number])[] = [];
  for (;;) {
    const { question, answer } = drawFrom(task, split, random);
    if (text.length + question.length + answer.length > context + 1) break;
    // The target at a place is the character after it.
    const from = text.length + question.length - 1;
    answers.push([from, from + answer.length]);
    text += question + answer;
  }
  const padded = Int32Array.from(
    text.padEnd(context + 1, '\n'),
    (character) => ids.get(character) as number,
  );
  const targets = new Int32Array(context).fill(UNCOUNTED);
  for (const [from, to] of answers) targets.set(padded.subarray(from + 1, to + 1), from);
  return { inputs: padded.subarray(0, context), targets, answers };
}

/** The part of a row of text that counts, so that its many characters do not outweigh the few of the answers. */
const COUNTED_TEXT = 1 / 3;

/** The next batch of a split: each row is of a task that the generator draws, the text being the seventh. */
export function mixedBatch(
  corpus: TaskCorpus,
  split: Split,
  size: number,
  context: number,
  random: RandomGenerator,
): Batch {
  const text = split === 'training' ? corpus.training : corpus.validation;
  const inputs = new Int32Array(size * context);
  const targets = new Int32Array(size * context);
  for (let i = 0; i < size; i++) {
    const task = GENERATED[below(GENERATED.length + 1, random)];
    const row =
      task === undefined
        ? nextBatch(text, 1, context, random)
        : exampleRow(task, split, context, corpus.ids, random);
    inputs.set(row.inputs, i * context);
    targets.set(row.targets, i * context);
    if (task === undefined)
      targets.fill(UNCOUNTED, i * context, (i + 1) * context - Math.round(COUNTED_TEXT * context));
  }
  return { inputs, targets };
}
