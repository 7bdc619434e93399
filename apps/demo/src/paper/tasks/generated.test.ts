import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { describe, expect, it } from 'vitest';
import { GENERATED } from './generated.ts';
import { drawFrom, type Example, type Split, splitOf, type Task } from './task.ts';

const COUNT = 2000;

const drawn = (task: Task, split: Split, seed: number): Example[] => {
  const random = xoroshiro128plus(seed);
  return Array.from({ length: COUNT }, () => drawFrom(task, split, random));
};

const backwards = (digits: string): number => Number([...digits].reverse().join(''));

/** The parts of a question that has the form of its task. */
function partsOf(form: RegExp, question: string): [string, string] {
  const match = form.exec(question);
  if (match === null) throw new Error(`"${question}" has another form`);
  return [match[1] ?? '', match[2] ?? ''];
}

/** The answers, found in another way than the generators find them. */
const SOLVERS: Readonly<Record<string, (question: string) => string>> = {
  addition: (question) => {
    const [a, b] = partsOf(/^(\d\d)\+(\d\d)=$/, question);
    const sum = backwards(a) + backwards(b);
    return [sum % 10, Math.floor(sum / 10) % 10, Math.floor(sum / 100)].join('');
  },
  'modular arithmetic': (question) => {
    const digits = [...partsOf(/^([0-4]{8})=$/, question)[0]].map(Number);
    return [2, 4, 6, 8].map((n) => digits.slice(0, n).reduce((a, b) => a + b) % 5).join('');
  },
  'associative recall': (question) => {
    const [pairs, asked] = partsOf(/^((?:[a-j]\d){3})=([a-j]{3})$/, question);
    return [...asked].map((letter) => pairs[pairs.indexOf(letter) + 1]).join('');
  },
  sorting: (question) => [...partsOf(/^([a-z]{7})=$/, question)[0]].sort().join(''),
  'bracket matching': (question) => {
    let [open] = partsOf(/^([()[\]{}<>]{10})=$/, question);
    const pair = /\(\)|\[\]|\{\}|<>/;
    while (pair.test(open)) open = open.replace(pair, '');
    const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}', '<': '>' };
    return Array.from(open, (bracket) => closing[bracket])
      .reverse()
      .join('');
  },
  'copying with distractors': (question) =>
    partsOf(/^([a-z\d]{9})=$/, question)[0].replace(/\d/g, ''),
};

describe.each(GENERATED.map((task) => [task.name, task] as const))('%s', (name, task) => {
  it('has the right answers', () => {
    for (const { question, answer } of drawn(task, 'training', 1))
      expect(answer).toBe(`${SOLVERS[name]?.(question)}\n`);
  });

  it('has no question in both splits, and many in each', () => {
    const [training, heldOut] = (['training', 'held out'] as const).map(
      (split) => new Set(drawn(task, split, 2).map(({ question }) => question)),
    ) as [Set<string>, Set<string>];
    expect([...heldOut].filter((question) => training.has(question))).toEqual([]);
    for (const question of heldOut) expect(splitOf(question)).toBe('held out');
    expect(heldOut.size).toBeGreaterThan(600);
    expect(training.size).toBeGreaterThan(1500);
  });

  it('draws the same examples from the same seed, and others from another', () => {
    expect(drawn(task, 'training', 3)).toEqual(drawn(task, 'training', 3));
    expect(drawn(task, 'training', 3)).not.toEqual(drawn(task, 'training', 4));
  });
});
