/** What the tasks of `tasks` have in common: questions with one right answer, split into training and held-out ones. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** A question, up to its `=`, and its one right answer, which a line break ends. */
export interface Example {
  readonly question: string;
  readonly answer: string;
}

/** Questions that a generator draws; the score is the share of held-out ones that are answered right to the last character. */
export interface Task {
  readonly name: string;
  readonly draw: (random: RandomGenerator) => Example;
}

export type Split = 'training' | 'held out';

/** One in so many questions is held out. */
const HELD_OUT = 8;

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/** Which split a question belongs to, always and everywhere: so no question is in both. */
export const splitOf = (question: string): Split =>
  hash(question) % HELD_OUT === 0 ? 'held out' : 'training';

/** The next example of a split. */
export function drawFrom(task: Task, split: Split, random: RandomGenerator): Example {
  for (;;) {
    const example = task.draw(random);
    if (splitOf(example.question) === split) return example;
  }
}

/** A whole number from 0 to below `end`. */
export const below = (end: number, random: RandomGenerator): number =>
  uniformInt(random, 0, end - 1);

/** `count` different items, in random order. */
export function pick<T>(items: readonly T[], count: number, random: RandomGenerator): T[] {
  const pool = [...items];
  return Array.from({ length: count }, () => pool.splice(below(pool.length, random), 1)[0] as T);
}
