import { expect, test } from 'vitest';
import {
  anyRule,
  booleanRule,
  checkOptions,
  knownOptions,
  nearest,
  numberRule,
  oneOfRule,
  show,
} from './kit.ts';

const rules = {
  globalNorm: numberRule({ min: 0, exclusive: true, try: '1' }),
  steps: numberRule({ min: 1, integer: true, try: '1000' }),
  beta: numberRule({ min: 0, max: 1, try: '0.9' }),
  threshold: numberRule({ min: 0, infinite: true, try: '1' }),
  cautious: booleanRule(false),
  shape: oneOfRule(['linear', 'cosine']),
  any: anyRule,
};

test.each([
  [{ globalnorm: 1 }, 'f: unknown option "globalnorm". Did you mean "globalNorm"?'],
  [{ treshold: 1 }, 'f: unknown option "treshold". Did you mean "threshold"?'],
  [{ toString: 1 }, /^f: unknown option "toString"/],
  [{ globalNorm: 0 }, 'f: "globalNorm" must be a finite number > 0. Received 0. Try 1.'],
  [{ globalNorm: Number.NaN }, 'f: "globalNorm" must be a finite number > 0. Received NaN. Try 1.'],
  [
    { globalNorm: Infinity },
    'f: "globalNorm" must be a finite number > 0. Received Infinity. Try 1.',
  ],
  [{ globalNorm: '1' }, 'f: "globalNorm" must be a finite number > 0. Received "1". Try 1.'],
  [{ globalNorm: null }, 'f: "globalNorm" must be a finite number > 0. Received null. Try 1.'],
  [{ steps: 1.5 }, 'f: "steps" must be a finite whole number >= 1. Received 1.5. Try 1000.'],
  [{ beta: 1 }, 'f: "beta" must be a finite number >= 0 and < 1. Received 1. Try 0.9.'],
  [{ beta: -0.1 }, 'f: "beta" must be a finite number >= 0 and < 1. Received -0.1. Try 0.9.'],
  [{ threshold: Number.NaN }, 'f: "threshold" must be a number >= 0. Received NaN. Try 1.'],
  [{ cautious: 1 }, 'f: "cautious" must be true or false. Received 1. Try false.'],
  [
    { shape: 'cosin' },
    `f: "shape" must be one of 'linear', 'cosine'. Received "cosin". Try 'cosine'.`,
  ],
  [{ shape: 3 }, `f: "shape" must be one of 'linear', 'cosine'. Received 3. Try 'linear'.`],
])('%j is refused with what must hold and what to try', (options, message) => {
  expect(() => checkOptions('f', options, rules)).toThrow(message);
  expect(() => checkOptions('f', options, rules)).toThrow(RangeError);
});

test.each([
  {},
  { globalNorm: 1e-9 },
  { threshold: Infinity },
  { beta: 0 },
  { steps: 1 },
  { any: Symbol },
  { globalNorm: undefined, shape: undefined },
])('%j is accepted', (options) => {
  expect(() => checkOptions('f', options, rules)).not.toThrow();
});

test('options are one object', () => {
  for (const [wrong, shown] of [
    [null, 'null'],
    [0.1, '0.1'],
    [[1, 2], 'an array of 2'],
    [() => 1, 'a function'],
    [undefined, 'undefined'],
  ] as const) {
    expect(() => checkOptions('f', wrong, rules)).toThrow(
      `f: options must be one object. Received ${shown}. Try f({ globalNorm }).`,
    );
    expect(() => checkOptions('f', wrong, rules)).toThrow(TypeError);
  }
  expect(() => checkOptions('f', { x: 1 }, {})).toThrow('f: unknown option "x". It takes none.');
});

test('an unknown option is answered by the one that is meant, and by all where none is near', () => {
  const any = { learningRate: () => null, beta1: () => null, beta2: () => null };
  for (const meant of ['lr', 'learningrate', 'learnngRate', 'learning'])
    expect(() => checkOptions('f', { [meant]: 1 }, any)).toThrow(
      `f: unknown option "${meant}". Did you mean "learningRate"?`,
    );
  expect(() => checkOptions('f', { weightDecay: 1 }, any)).toThrow(
    'f: unknown option "weightDecay". It takes learningRate, beta1, beta2.',
  );
});

test('a configuration keeps what is known, and null counts as absent', () => {
  const config = JSON.parse('{"a":1,"b":null,"customObjects":{},"toString":2,"c":0,"d":false}');
  expect(knownOptions(config, ['a', 'b', 'c', 'd', 'e'])).toEqual({ a: 1, c: 0, d: false });
  expect(knownOptions({}, ['toString', 'constructor'])).toEqual({});
});

test('the nearest name ignores case, then completes, then takes initials, then counts edits', () => {
  expect(nearest('col', ['row', 'column'])).toBe('column');
  expect(nearest('GLOBALNORM', ['norm', 'globalNorm'])).toBe('globalNorm');
  expect(nearest('vlaue', ['value', 'adaptive'])).toBe('value');
  expect(nearest('lr', ['scale', 'learningRate'])).toBe('learningRate');
  expect(nearest('x', [])).toBeNull();
});

test('values read well in messages', () => {
  class Model {}
  const shown = [1, 'a', [1], new Model(), function f() {}, null, Object.create(null)].map(show);
  expect(shown).toEqual([
    '1',
    '"a"',
    'an array of 1',
    'an object (Model)',
    'a function (f)',
    'null',
    'an object (Object)',
  ]);
});
