import { expect, test } from 'vitest';
import {
  batchRamp,
  chain,
  constant,
  cosine,
  cosineRestarts,
  linear,
  polynomial,
  type Schedule,
  sqrt,
  warmupStableDecay,
} from './index.ts';

/** The factors at the given steps, each within 1e-12 of what is expected. */
function expectFactors(schedule: Schedule, expected: Record<number, number>): void {
  for (const [step, factor] of Object.entries(expected)) {
    expect([step, schedule(Number(step))]).toEqual([step, expect.closeTo(factor, 12)]);
  }
}

test('constant is 1 for ever', () => {
  expectFactors(constant(), { 0: 1, 1: 1, 1e9: 1 });
});

test('linear goes from 1 to 0 by default, and stays at its end', () => {
  expectFactors(linear({ steps: 4 }), { 0: 1, 1: 0.75, 2: 0.5, 3: 0.25, 4: 0, 5: 0, 1e9: 0 });
  expectFactors(linear({ steps: 2, from: 0.5, to: 2 }), { 0: 0.5, 1: 1.25, 2: 2, 3: 2 });
  expectFactors(linear({ steps: 1, from: 0, to: 1 }), { 0: 0, 1: 1 });
});

test('cosine goes from 1 through the middle to its final factor, and stays there', () => {
  expectFactors(cosine({ steps: 4 }), { 0: 1, 1: (1 + Math.SQRT1_2) / 2, 2: 0.5, 4: 0, 5: 0 });
  expectFactors(cosine({ steps: 10, finalFactor: 0.1 }), { 0: 1, 5: 0.55, 10: 0.1, 11: 0.1 });
});

test('sqrt rises to 1 at the end of its warm-up, and is 1/2 at four times as many steps', () => {
  expectFactors(sqrt({ warmup: 4 }), { 0: 1 / 4, 2: 3 / 4, 3: 1, 15: 1 / 2, 399: 1 / 10 });
  expectFactors(sqrt({ warmup: 1 }), { 0: 1, 3: 1 / 2, 99: 1 / 10 });
});

test('polynomial of power 1 is linear, and it stays at its end', () => {
  const ends = { steps: 8, from: 0.25, to: 2 };
  for (let t = 0; t < 12; t++) {
    expectFactors(polynomial({ ...ends, power: 1 }), { [t]: linear(ends)(t) });
  }
  expectFactors(polynomial({ steps: 4 }), { 0: 1, 1: 9 / 16, 2: 1 / 4, 3: 1 / 16, 4: 0, 1e9: 0 });
});

test('cosineRestarts begins anew at each boundary, later and lower as it is told', () => {
  expectFactors(cosineRestarts({ steps: 2 }), { 0: 1, 1: 0.5, 2: 1, 3: 0.5, 1e9: 1 });
  expectFactors(cosineRestarts({ steps: 2, growth: 2, peakFactor: 0.5, finalFactor: 0.1 }), {
    0: 1,
    1: 0.55,
    2: 0.55, // the second cycle, of 4 steps
    4: 0.325,
    6: 0.325, // the third, of 8
    10: 0.2125,
    14: 0.2125,
  });
});

test('the batch ramp takes multiples between its ends, and the factor is the root of the ratio', () => {
  const ramp = batchRamp({ from: 8, to: 64, steps: 14, multiple: 8 });
  const sizes = Array.from({ length: 17 }, (_, t) => ramp.batchSize(t));
  expect(sizes).toEqual([8, 16, 16, 24, 24, 32, 32, 40, 40, 48, 48, 56, 56, 64, 64, 64, 64]);
  sizes.forEach((size, t) => {
    expectFactors(ramp.factor, { [t]: Math.sqrt(size / 64) });
  });
  const falling = batchRamp({ from: 9, to: 4, steps: 5 });
  expect([0, 1, 4, 5, 6].map(falling.batchSize)).toEqual([9, 8, 5, 4, 4]);
  expectFactors(falling.factor, { 0: 1.5, 5: 1 });
});

const PHASES = { warmup: 4, stable: 3, decay: 8 };

test('warm-up, stable and decay meet at their boundaries', () => {
  expectFactors(warmupStableDecay(PHASES), {
    0: 1 / 4,
    1: 2 / 4,
    3: 1, // warmup - 1: the last of the warm-up
    4: 1, // warmup: the first stable one
    6: 1, // the last stable one
    7: 1, // the first of the decay, which starts at x = 0
    8: 8 ** (-1 / 8),
    11: 8 ** (-1 / 2),
    14: 8 ** (-7 / 8),
    15: 1 / 8, // the end
    16: 1 / 8,
    1e9: 1 / 8,
  });
});

test.each([
  ['exponential', (x: number) => 0.01 ** x],
  ['linear', (x: number) => 1 - 0.99 * x],
  ['cosine', (x: number) => 0.01 + (0.99 * (1 + Math.cos(Math.PI * x))) / 2],
  ['1-sqrt', (x: number) => 0.01 + 0.99 * (1 - Math.sqrt(x))],
] as const)(
  'the shape %s has its closed form, 1 at the start and finalFactor at the end',
  (shape, form) => {
    const schedule = warmupStableDecay({ ...PHASES, finalFactor: 0.01, shape });
    for (let t = 7; t <= 15; t++) expectFactors(schedule, { [t]: form((t - 7) / 8) });
    expect([schedule(7), schedule(15)]).toEqual([1, 0.01]);
  },
);

test('every phase may be empty', () => {
  expectFactors(warmupStableDecay({ warmup: 0, stable: 2, decay: 2 }), {
    0: 1,
    1: 1,
    2: 1,
    4: 1 / 8,
  });
  expectFactors(warmupStableDecay({ warmup: 2, stable: 0, decay: 1 }), {
    0: 0.5,
    1: 1,
    2: 1,
    3: 1 / 8,
  });
  expectFactors(warmupStableDecay({ warmup: 1, stable: 1, decay: 0 }), { 0: 1, 1: 1, 2: 1 / 8 });
  expectFactors(warmupStableDecay({ warmup: 0, stable: 0, decay: 0 }), { 0: 1 / 8 });
});

test('a final factor of 0 is reached by every shape but the exponential, which refuses it', () => {
  for (const shape of ['linear', 'cosine', '1-sqrt'] as const) {
    expectFactors(warmupStableDecay({ ...PHASES, finalFactor: 0, shape }), { 15: 0 });
  }
  expect(() => warmupStableDecay({ ...PHASES, finalFactor: 0 })).toThrow(
    `warmupStableDecay: "finalFactor" must be > 0 for the shape 'exponential', which never reaches 0. Received 0. Try shape: 'linear'.`,
  );
});

test('the chain hands over at each boundary, counts anew, and its last part goes on for ever', () => {
  const schedule = chain([
    { steps: 2, schedule: linear({ steps: 2, from: 0, to: 1 }) },
    { steps: 3, schedule: constant() },
    { steps: 1, schedule: linear({ steps: 4 }) },
  ]);
  expectFactors(schedule, { 0: 0, 1: 0.5, 2: 1, 4: 1, 5: 1, 6: 0.75, 8: 0.25, 9: 0, 100: 0 });
});

test('chains nest', () => {
  const inner = chain([
    { steps: 1, schedule: constant() },
    { steps: 1, schedule: linear({ steps: 2 }) },
  ]);
  expectFactors(
    chain([
      { steps: 2, schedule: constant() },
      { steps: 9, schedule: inner },
    ]),
    {
      2: 1,
      3: 1,
      4: 0.5,
      5: 0,
    },
  );
});

test.each([
  [() => linear({} as never), 'linear: "steps" is missing.'],
  [() => linear({ steps: 0 }), 'linear: "steps" must be a finite whole number >= 1. Received 0.'],
  [() => linear({ steps: 1.5 }), '"steps" must be a finite whole number >= 1. Received 1.5.'],
  [() => linear({ steps: 10, to: -1 }), 'linear: "to" must be a finite number >= 0. Received -1.'],
  [() => linear({ step: 10 } as never), 'linear: unknown option "step". Did you mean "steps"?'],
  [
    () => linear(100 as never),
    'linear: options must be one object. Received 100. Try linear({ steps }).',
  ],
  [() => linear(undefined as never), 'linear: options must be one object. Received undefined.'],
  [() => cosine({} as never), 'cosine: "steps" is missing.'],
  [
    () => cosine({ steps: Number.NaN }),
    'cosine: "steps" must be a finite whole number >= 1. Received NaN.',
  ],
  [
    () => cosine({ steps: 5, finalFactor: Infinity }),
    '"finalFactor" must be a finite number >= 0.',
  ],
  [
    () => warmupStableDecay({ warmup: 1, stable: 1 } as never),
    'warmupStableDecay: "decay" is missing.',
  ],
  [
    () => warmupStableDecay({ ...PHASES, warmup: -1 }),
    '"warmup" must be a finite whole number >= 0. Received -1. Try 100.',
  ],
  [
    () => warmupStableDecay({ ...PHASES, shape: 'sqrt' as never }),
    `"shape" must be one of 'exponential', 'linear', 'cosine', '1-sqrt'. Received "sqrt". Try '1-sqrt'.`,
  ],
  [
    () => warmupStableDecay({ ...PHASES, warmUp: 3 } as never),
    'unknown option "warmUp". Did you mean "warmup"?',
  ],
  [() => sqrt({} as never), 'sqrt: "warmup" is missing.'],
  [() => sqrt({ warmup: 0 }), 'sqrt: "warmup" must be a finite whole number >= 1. Received 0.'],
  [
    () => polynomial({ steps: 9, power: 0 }),
    'polynomial: "power" must be a finite number > 0. Received 0. Try 2.',
  ],
  [() => polynomial({ power: 2 } as never), 'polynomial: "steps" is missing.'],
  [
    () => cosineRestarts({ steps: 9, growth: 1.5 }),
    'cosineRestarts: "growth" must be a finite whole number >= 1. Received 1.5. Try 2.',
  ],
  [() => cosineRestarts({} as never), 'cosineRestarts: "steps" is missing.'],
  [() => batchRamp({ from: 8, steps: 9 } as never), 'batchRamp: "to" is missing.'],
  [
    () => batchRamp({ from: 8, to: 60, steps: 9, multiple: 8 }),
    'batchRamp: "to" must be a multiple of "multiple", 8. Received 60. Try 64.',
  ],
  [() => chain([]), 'chain: give at least one part { steps, schedule }. Received an array of 0.'],
  [() => chain(null as never), 'chain: give at least one part { steps, schedule }. Received null.'],
  [() => chain([{ steps: 5 }] as never), 'chain: "schedule" is missing.'],
  [() => chain([{ schedule: constant() }] as never), 'chain: "steps" is missing.'],
  [
    () => chain([{ steps: 5, schedule: 0.5 }] as never),
    'chain: "schedule" must be a schedule. Received 0.5. Try cosine({ steps: 1000 }).',
  ],
])('%s is refused', (make, message) => {
  expect(make).toThrow(message);
});
