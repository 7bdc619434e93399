import { makeCorpus } from '@tfjs-lrm/language-model';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { expect, it } from 'vitest';
import { GENERATED } from './generated.ts';
import { exampleRow, mixedBatch, UNCOUNTED, withSymbols } from './mixture.ts';
import { splitOf } from './task.ts';

const TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(40);
const corpus = withSymbols(makeCorpus(TEXT));
const CONTEXT = 48;

const decode = (ids: Iterable<number>): string =>
  Array.from(ids, (id) => corpus.vocabulary[id]).join('');

it('keeps the text under the larger vocabulary', () => {
  expect(decode(corpus.training) + decode(corpus.validation)).toBe(TEXT);
  expect(new Set(corpus.vocabulary).size).toBe(corpus.vocabulary.length);
});

it.each(GENERATED.map((task) => [task.name, task] as const))(
  'counts in rows of %s the characters of whole answers, and nothing else',
  (_, task) => {
    const random = xoroshiro128plus(1);
    for (let i = 0; i < 50; i++) {
      const { inputs, targets, answers } = exampleRow(
        task,
        'held out',
        CONTEXT,
        corpus.ids,
        random,
      );
      const text = decode(inputs);
      let counted = 0;
      let from = 0;
      for (const [begin, end] of answers) {
        const question = text.slice(from, begin + 1);
        expect(splitOf(question)).toBe('held out');
        expect(decode(targets.subarray(begin, end))).toMatch(/^[^\n]*\n$/);
        // Each target is the input of the next place.
        for (let at = begin; at < Math.min(end, CONTEXT - 1); at++)
          expect(targets[at]).toBe(inputs[at + 1]);
        counted += end - begin;
        from = end + 1;
      }
      expect(answers.length).toBeGreaterThan(1);
      expect(targets.filter((target) => target !== UNCOUNTED)).toHaveLength(counted);
    }
  },
);

it('mixes all tasks and the text of the split, whose last third counts', () => {
  const random = xoroshiro128plus(2);
  const { inputs, targets } = mixedBatch(corpus, 'training', 200, CONTEXT, random);
  const rows = Array.from({ length: 200 }, (_, i) => ({
    text: decode(inputs.subarray(i * CONTEXT, (i + 1) * CONTEXT)),
    counted: targets
      .subarray(i * CONTEXT, (i + 1) * CONTEXT)
      .filter((target) => target !== UNCOUNTED).length,
  }));
  const ofText = rows.filter(({ text }) => !text.includes('='));
  expect(ofText.length).toBeGreaterThan(10);
  expect(ofText.length).toBeLessThan(60);
  for (const { text, counted } of ofText) {
    expect(decode(corpus.training)).toContain(text);
    expect(counted).toBe(16);
  }
  expect(mixedBatch(corpus, 'training', 8, CONTEXT, xoroshiro128plus(3))).toEqual(
    mixedBatch(corpus, 'training', 8, CONTEXT, xoroshiro128plus(3)),
  );
});
