/** Against Adam written as a plain loop in float64, in this file. */
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { expectClose, noise, random, step, values, variable } from '../../../test/tensors.ts';
import { adam } from './index.ts';

interface Options {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

const DEFAULTS: Options = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** Kingma and Ba, algorithm 1, for one variable that counts its own steps. */
function reference(start: readonly number[], options: Options) {
  const { learningRate, beta1, beta2, epsilon } = options;
  const w = [...start];
  const m = w.map(() => 0);
  const v = w.map(() => 0);
  let t = 0;
  return {
    w,
    step(gradient: readonly number[]): void {
      t += 1;
      gradient.forEach((g, i) => {
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        const mHat = m[i]! / (1 - beta1 ** t);
        const vHat = v[i]! / (1 - beta2 ** t);
        w[i] = w[i]! - (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
      });
    },
  };
}

const SHAPES = [[4, 3], [5], [], [2, 3, 4], [64, 33]];
/** Gradients near 1, whose sign changes, so that no moment cancels to rounding noise alone. */
const gradient = (next: () => number, size: number): number[] => noise(next, size, 2);

eachBackend((backend) => {
  // wasm rounds sums of products a little differently from cpu.
  const bound = backend === 'cpu' ? 1e-5 : 2e-5;

  test('30 steps with the defaults follow the loop', () => {
    const next = random(1);
    const starts = SHAPES.map((shape) => noise(next, tf.util.sizeFromShape(shape)));
    const variables = SHAPES.map((shape, i) => variable(starts[i]!, shape));
    const references = starts.map((start) => reference(start, DEFAULTS));
    const optimizer = adam();
    for (let t = 0; t < 30; t++) {
      const gradients = variables.map(({ size }) => gradient(next, size));
      step(
        optimizer,
        variables.map((v, i) => [v, gradients[i]!]),
      );
      references.forEach((r, i) => {
        r.step(gradients[i]!);
        expectClose(values(variables[i]!), r.w, bound);
      });
    }
    tf.dispose(variables);
    optimizer.dispose();
  });

  test('random rates, betas and epsilons follow the loop', () => {
    const options = fc.record({
      learningRate: fc.double({ min: 1e-4, max: 0.1, noNaN: true }),
      beta1: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 0.98, noNaN: true })),
      beta2: fc.oneof(fc.constant(0), fc.double({ min: 0.5, max: 0.9999, noNaN: true })),
      epsilon: fc.constantFrom(1e-10, 1e-8, 1e-3, 1),
      shape: fc.constantFrom(...SHAPES.slice(0, 4)),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(options, ({ shape, seed, ...chosen }) => {
        const next = random(seed);
        const start = noise(next, tf.util.sizeFromShape(shape));
        const [target, loop] = [variable(start, shape), reference(start, chosen)];
        const optimizer = adam(chosen);
        for (let t = 0; t < 30; t++) {
          const g = gradient(next, target.size);
          step(optimizer, [[target, g]]);
          loop.step(g);
        }
        expectClose(values(target), loop.w, bound);
        optimizer.dispose();
        target.dispose();
      }),
      { numRuns: 20, seed: 1 },
    );
  });

  test('a variable that comes later or misses steps has its own step count, as in PyTorch', () => {
    const next = random(3);
    const shapes = [[3], [2, 2], [1], [2100], [3]];
    const starts = shapes.map((shape) => noise(next, tf.util.sizeFromShape(shape)));
    const variables = shapes.map((shape, i) => variable(starts[i]!, shape));
    const chosen = { ...DEFAULTS, learningRate: 0.05 };
    const references = starts.map((start) => reference(start, chosen));
    const optimizer = adam({ learningRate: 0.05 });
    // Always there; from step 10 on; every third step; all but every fourth; in and out at random.
    const present = [
      () => true,
      (t: number) => t >= 10,
      (t: number) => t % 3 === 0,
      (t: number) => t % 4 !== 0,
      () => next() < 0.5,
    ];
    for (let t = 0; t < 30; t++) {
      const gradients = variables.map(({ size }, i) =>
        present[i]!(t) ? gradient(next, size) : null,
      );
      step(
        optimizer,
        // Absent altogether in even steps, null entries in odd ones: both forms occur in tfjs.
        variables.flatMap((v, i) =>
          gradients[i] === null && t % 2 === 0 ? [] : [[v, gradients[i]!]],
        ),
      );
      references.forEach((r, i) => {
        if (gradients[i] !== null) r.step(gradients[i]!);
      });
    }
    references.forEach((r, i) => {
      expectClose(values(variables[i]!), r.w, bound);
    });
  });

  test("the first step of a late variable is one rate long; under tfjs' Adam it is three times that", () => {
    const firstStep = (optimizer: tf.Optimizer, stepsBefore: number): number => {
      const [early, late] = [variable([0], [1]), variable([0], [1])];
      step(optimizer, [[early, [1]]]);
      for (let t = 0; t < stepsBefore; t++) optimizer.applyGradients({});
      step(optimizer, [[early, [1]]]);
      step(optimizer, [
        [early, [1]],
        [late, [1]],
      ]);
      return values(late)[0]!;
    };
    expect(firstStep(adam({ learningRate: 0.1 }), 10)).toBeCloseTo(-0.1, 6);
    // tfjs counts steps for all variables together, empty ones too.
    expect(firstStep(tf.train.adam(0.1), 4000)).toBeCloseTo(-0.3, 1);
  });

  test("the first step is right to 1e-6, where tfjs' Adam loses digits in 1 - beta", () => {
    const error = (optimizer: tf.Optimizer): number => {
      const target = variable([0], [1]);
      step(optimizer, [[target, [1]]]);
      return Math.abs(values(target)[0]! + 1 / (1 + 1e-8));
    };
    expect(error(adam({ learningRate: 1 }))).toBeLessThan(1e-6);
    expect(error(tf.train.adam(1, 0.9, 0.999, 1e-8))).toBeGreaterThan(3e-6);
  });

  test('a zero gradient changes nothing, and a rate of 0 changes the moments alone', () => {
    const target = variable([1, -2], [2]);
    step(adam(), [[target, [0, 0]]]);
    expect(values(target)).toEqual([1, -2]);
    const still = adam({ learningRate: 0 });
    step(still, [[target, [1, 1]]]);
    expect(values(target)).toEqual([1, -2]);
    expect(values(still.slots(target).get('m')!)[0]).toBeCloseTo(0.1, 6);
  });
});
