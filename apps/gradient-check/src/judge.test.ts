import { expect, test } from 'vitest';
import type { Case } from './case.ts';
import type { Outcomes } from './evaluate.ts';
import { isAllRight, judge } from './judge.ts';

const shape = [2];
const subject: Case = {
  name: 'square',
  operation: 'square',
  call: 'square',
  args: ['$0'],
  inputs: [{ shape, values: [1, 2] }],
  outputs: [{ shape, values: [1, 4] }],
  gradients: [[2, 4]],
  second: [[8, 16]],
};
const right: Outcomes = {
  forward: { shapes: [shape], values: [[1, 4]] },
  gradient: { shapes: [shape], values: [[2, 4]] },
  second: { shapes: [shape], values: [[8, 16]] },
};

test('what equals the reference is right', () => {
  expect(isAllRight(judge(subject, right))).toBe(true);
});

test.each([
  ['an element', { forward: { shapes: [shape], values: [[1, 4.1]] } }, 0.025],
  ['a gradient', { gradient: { shapes: [shape], values: [[2, 2]] } }, 0.5],
  ['a missing gradient, which is zero', { gradient: { shapes: [shape], values: [null] } }, 1],
  ['the second order', { second: { shapes: [shape], values: [[8, 8]] } }, 0.5],
  ['what is not a number', { gradient: { shapes: [shape], values: [[Number.NaN, 4]] } }, Infinity],
  ['what comes after it', { gradient: { shapes: [shape], values: [[Number.NaN, 9]] } }, Infinity],
  ['a shape', { forward: { shapes: [[1, 2]], values: [[1, 4]] } }, Infinity],
  ['an output too few', { forward: { shapes: [], values: [] } }, Infinity],
])('%s that is off is wrong by so much', (_, change, error) => {
  const judgement = judge(subject, { ...right, ...change });
  expect(isAllRight(judgement)).toBe(false);
  const [part] = Object.keys(change) as ['forward' | 'gradient' | 'second'];
  expect(judgement[part]).toEqual({ error: expect.closeTo(error, 6) });
});

test('a refusal is not right', () => {
  const judgement = judge(subject, { ...right, gradient: { refused: 'no' } });
  expect(judgement.gradient).toEqual({ refused: 'no' });
  expect(isAllRight(judgement)).toBe(false);
});
