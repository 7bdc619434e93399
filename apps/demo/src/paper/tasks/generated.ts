/** The six tasks whose questions are generated; the seventh is the next character of a text. */
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { below, type Example, pick, type Task } from './task.ts';

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const DIGITS = [...'0123456789'];
const BRACKETS = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
  ['<', '>'],
] as const;

const example = (question: string, answer: string): Example => ({
  question: `${question}=`,
  answer: `${answer}\n`,
});

/** `85+76=521`, for 58 + 67 = 125: the numbers and the sum have their digits from the last to the first. */
function addition(random: RandomGenerator): Example {
  const [a, b] = [below(100, random), below(100, random)];
  const reversed = (value: number, digits: number): string =>
    [...String(value).padStart(digits, '0')].reverse().join('');
  return example(`${reversed(a, 2)}+${reversed(b, 2)}`, reversed(a + b, 3));
}

/** `42310213=1110`: running sums of digits, modulo 5, after every second one. */
function modular(random: RandomGenerator): Example {
  const terms = Array.from({ length: 8 }, () => below(5, random));
  let sum = 0;
  const sums = terms.map((term) => {
    sum = (sum + term) % 5;
    return sum;
  });
  return example(terms.join(''), sums.filter((_, i) => i % 2 === 1).join(''));
}

/** `k3a7x1=akx731`: the digits that followed the letters, asked for in another order. */
function recall(random: RandomGenerator): Example {
  const letters = pick(LETTERS.slice(0, 10), 3, random);
  const digits = letters.map(() => below(10, random));
  const asked = pick([0, 1, 2], 3, random);
  const pairs = letters.map((letter, i) => `${letter}${digits[i]}`).join('');
  return {
    question: `${pairs}=${asked.map((at) => letters[at]).join('')}`,
    answer: `${asked.map((at) => digits[at]).join('')}\n`,
  };
}

/** `dbace=abcde`: letters in the order of the alphabet. */
function sorting(random: RandomGenerator): Example {
  const letters = pick(LETTERS, 7, random);
  return example(letters.join(''), letters.toSorted().join(''));
}

/** `<[]({=})>`: what closes the brackets that are still open, the last one first. */
function brackets(random: RandomGenerator): Example {
  const open: string[] = [];
  let question = '';
  while (question.length < 10) {
    const mayClose = open.length > 0;
    const mustOpen = open.length === 0;
    if (mustOpen || (mayClose && below(5, random) < 3)) {
      const [left, right] = BRACKETS[below(BRACKETS.length, random)] as readonly [string, string];
      question += left;
      open.push(right);
    } else question += open.pop();
  }
  return example(question, open.reverse().join(''));
}

/** `a7k29m=akm`: the letters, without the digits between them. */
function copying(random: RandomGenerator): Example {
  const letters = pick(LETTERS, 5, random);
  const places = pick(
    Array.from({ length: 9 }, (_, i) => i),
    letters.length,
    random,
  ).sort((a, b) => a - b);
  const characters = Array.from({ length: 9 }, () => DIGITS[below(10, random)] as string);
  places.forEach((place, i) => {
    characters[place] = letters[i] as string;
  });
  return example(characters.join(''), letters.join(''));
}

export const GENERATED: readonly Task[] = [
  { name: 'addition', draw: addition },
  { name: 'modular arithmetic', draw: modular },
  { name: 'associative recall', draw: recall },
  { name: 'sorting', draw: sorting },
  { name: 'bracket matching', draw: brackets },
  { name: 'copying with distractors', draw: copying },
];
