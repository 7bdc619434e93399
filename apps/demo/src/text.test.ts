import { makeCorpus } from '@tfjs-lrm/language-model';
import { expect, it } from 'vitest';
import { readText } from './text.ts';

it('the text is Moby Dick with its 83 characters', () => {
  const { vocabulary, training, validation } = makeCorpus(readText(null).text);
  expect(vocabulary).toHaveLength(83);
  expect(training.length + validation.length).toBe(1_190_317);
  expect(training.length).toBe(Math.floor(1_190_317 * 0.9));
  expect([...training.subarray(0, 10)].map((id) => vocabulary[id]).join('')).toBe('CHAPTER 1.');
});
