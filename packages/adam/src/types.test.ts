import { expect, test } from 'vitest';
import { adam } from './index.ts';

test.each([
  // @ts-expect-error an option that there is not
  ['learningrate', () => adam({ learningrate: 1 })],
  // @ts-expect-error a rate is a number
  ['a string', () => adam({ learningRate: '1e-3' })],
  // @ts-expect-error one object, not a number by position
  ['a position', () => adam(1e-3)],
  // @ts-expect-error null is no number
  ['null', () => adam({ beta1: null })],
])('the compiler and adam refuse: %s', (_, attempt) => {
  expect(attempt).toThrow(/^adam/);
});
