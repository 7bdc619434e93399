/**
 * Three roads to the scale that noise gives a weight: the formulas, the simulation, and the optimizers themselves, fed with
 * gradients of noise.
 */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { muon } from '@tfjs-lrm/muon';
import {
  constant,
  cosine,
  type Schedule,
  warmupStableDecay,
  withSchedule,
} from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, describe, expect, test } from 'vitest';
import { backends, useBackend } from '../../../test/backends.ts';
import { brownianBand, predictEquilibriumRms, recipeOf, simulateBrownian } from './index.ts';
import { normalNoise } from './noise.ts';

const STEPS = 320;
const SCHEDULES: Record<string, Schedule> = {
  constant: constant(),
  'warm-up, stable, decay': warmupStableDecay({ warmup: 40, stable: 200, decay: 80 }),
  cosine: cosine({ steps: STEPS, finalFactor: 0.1 }),
};

/** Decays that remove a hundredth of the weight in a step at a factor of 1. */
const RATE = 0.02;
const COUPLINGS = [
  { coupling: 'learning-rate', decay: 0.01 / RATE },
  { coupling: 'independent', decay: 0.01 },
  { coupling: 'learning-rate-squared', decay: 0.01 / RATE ** 2 },
] as const;

// On the fastest backend: the law does not depend on it.
beforeAll(() => useBackend(backends.at(-1)!));

const pool = (() => {
  const normal = normalNoise(3);
  return Float32Array.from({ length: 400_000 }, normal);
})();

/** The root mean square of variables over the steps of an optimizer that gets noise for gradients. */
function fed(optimizer: tf.Optimizer, shapes: readonly number[][], start: number): number[] {
  const normal = normalNoise(5);
  const variables = shapes.map((shape) =>
    tf.tidy(() => tf.variable(tf.mul(tf.tensor(noise(shape, normal), shape), start))),
  );
  const size = variables.reduce((sum, each) => sum + each.size, 0);
  const scale = (): number =>
    tf.tidy(() => {
      const squares = tf.addN(variables.map((each) => tf.sum(tf.square(each))));
      return Math.sqrt(squares.dataSync()[0]! / size);
    });
  // Read only where it is looked at.
  const scales = new Array<number>(STEPS + 1).fill(Number.NaN);
  for (let step = 0; step < STEPS; step++) {
    tf.tidy(() =>
      optimizer.applyGradients(
        variables.map((variable) => ({
          name: variable.name,
          tensor: tf.tensor(noise(variable.shape, normal), variable.shape),
        })),
      ),
    );
    if (isRead(step + 1)) scales[step + 1] = scale();
  }
  tf.dispose(variables);
  optimizer.dispose();
  return scales;
}

/** A stretch of the pool from somewhere. */
function noise(shape: readonly number[], normal: () => number): Float32Array {
  const size = tf.util.sizeFromShape([...shape]);
  const begin = Math.floor(Math.abs(normal() * 1e6)) % (pool.length - size);
  return pool.subarray(begin, begin + size);
}

const mean = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, each) => sum + each ** 2, 0) / values.length);

const MIDDLE = STEPS / 2;
const WINDOW = 40;
const isRead = (step: number): boolean =>
  (step >= MIDDLE && step < MIDDLE + WINDOW) || step > STEPS - WINDOW;

/** The scale in the middle and at the end, as means over some steps. */
const windows = (scales: ArrayLike<number>): number[] =>
  [MIDDLE, STEPS - WINDOW + 1].map((begin) =>
    mean(Array.from(scales).slice(begin, begin + WINDOW)),
  );

const deviation = (a: number, b: number): number => Math.abs(a / b - 1);
const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...windows(a).map((each, i) => deviation(each, windows(b)[i]!)));

const ADAM_SHAPES = [[100, 160]];
const MUON_SHAPES = [
  [24, 24],
  [24, 24],
  [24, 24],
  [16, 64],
];

const cases = Object.entries(SCHEDULES).flatMap(([name, schedule]) =>
  // One coupling is enough for a third schedule.
  COUPLINGS.slice(0, name === 'cosine' ? 1 : 3).map((decayed) => ({ name, schedule, ...decayed })),
);

describe.each(cases)('$coupling decay, $name', ({ name, schedule, coupling, decay }) => {
  const stack = (inner: tf.Optimizer, strength = 1): tf.Optimizer =>
    withSchedule(withWeightDecay(inner, { decay: decay * strength, coupling }), schedule);

  // β2 changes the variance of the updates alone, whatever the schedule.
  test.each([
    [0.9, 0.95],
    ...(name === 'constant'
      ? [
          [0.9, 0.999],
          [0.5, 0.99],
        ]
      : []),
  ] as [number, number][])(
    'Adam (%f, %f): formula, simulation and optimizer within 2 %',
    (beta1, beta2) => {
      const inner = adam({ learningRate: RATE, beta1, beta2 });
      const optimizer = stack(inner);
      const variable = tf.variable(tf.zeros(ADAM_SHAPES[0]!));
      const recipe = recipeOf(optimizer, variable)!;
      const options = { steps: STEPS, start: 0.05 };
      const { rms } = brownianBand([100, 160], schedule, recipe, options);
      const simulated = simulateBrownian([100, 160], schedule, recipe, {
        ...options,
        entries: 16000,
      });
      const measured = fed(optimizer, ADAM_SHAPES, 0.05);
      expect(largest(rms, measured)).toBeLessThan(0.02);
      expect(largest(simulated, measured)).toBeLessThan(0.02);
      const wrong = brownianBand([100, 160], schedule, { ...recipe, decay: decay * 1.1 }, options);
      expect(largest(wrong.rms, measured)).toBeGreaterThan(0.02);
      if (name === 'constant') {
        expect(
          deviation(predictEquilibriumRms(recipe), mean(measured.slice(1 - WINDOW))),
        ).toBeLessThan(0.02);
        const off = predictEquilibriumRms({ ...recipe, decay: decay * 0.9 });
        expect(deviation(off, mean(measured.slice(1 - WINDOW)))).toBeGreaterThan(0.02);
      }
      variable.dispose();
    },
  );

  test('Muon: formula within 3 % of the optimizer, simulation within 5 %', () => {
    const optimizer = stack(muon({ learningRate: RATE, momentum: 0.9 }));
    const variables = MUON_SHAPES.map((shape) => tf.variable(tf.zeros(shape)));
    const options = { steps: STEPS, start: 0.05 };
    const total = variables.reduce((sum, { size }) => sum + size, 0);
    const over = (of: (variable: tf.Variable) => ArrayLike<number>): number[] => {
      const each = [variables[0]!, variables.at(-1)!].map((variable) => ({
        scales: of(variable),
        share:
          (variables.filter(({ size }) => size === variable.size).length * variable.size) / total,
      }));
      return Array.from({ length: STEPS + 1 }, (_, i) =>
        Math.sqrt(each.reduce((sum, { scales, share }) => sum + share * scales[i]! ** 2, 0)),
      );
    };
    const band = (strength: number): number[] =>
      over((variable) => {
        const recipe = recipeOf(optimizer, variable)!;
        const changed = { ...recipe, decay: decay * strength };
        return brownianBand(variable.shape, schedule, changed, options).rms;
      });
    const measured = fed(optimizer, MUON_SHAPES, 0.05);
    expect(largest(band(1), measured)).toBeLessThan(0.03);
    // At the end of a cosine little decay acts.
    if (name !== 'cosine') {
      expect(largest(band(1.1), measured)).toBeGreaterThan(0.03);
      expect(largest(band(0.9), measured)).toBeGreaterThan(0.03);
    }
    // The couplings differ in the rates alone, which the simulation of Adam checks.
    if (coupling === 'learning-rate') {
      const simulated = over((variable) => {
        const recipe = recipeOf(optimizer, variable)!;
        const walk = { ...options, entries: 512 };
        return simulateBrownian(variable.shape, schedule, recipe, walk);
      });
      expect(largest(simulated, measured)).toBeLessThan(0.05);
    }
    tf.dispose(variables);
  });
});
