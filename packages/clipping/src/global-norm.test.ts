/** The global norm, what is left out of it, and what happens to that. Formulas as in PyTorch, in float64. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { reaching } from '../../../test/optimizers.ts';
import { expectClose, noise, random, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

type Options = Parameters<typeof withClipping>[1];

const norm = (...tensors: number[][]): number => Math.hypot(...tensors.flat());
/** torch.nn.utils.clip_grad_norm_: min(1, max / (norm + 1e-6)). */
const coefficient = (total: number, most: number): number => Math.min(1, most / (total + 1e-6));
const scaled = (gradient: number[], by: number): number[] => gradient.map((g) => g * by);

const zeros = (shape: number[], name = 'kernel'): tf.Variable =>
  variable(new Array(tf.util.sizeFromShape(shape)).fill(0), shape, name);

const clipped = (
  options: Options,
  gradients: [tf.Variable, number[] | null][],
): (number[] | null)[] => reaching((inner) => withClipping(inner, options), gradients);

const MATRIX = [3, -4, 0, 12]; // norm 13
const BIAS = [84]; // with the matrix: norm 85
const MULTIPLIER = [300, 400]; // norm 500

/** A matrix, a vector and a multiplier with their gradients. */
const model = (): [tf.Variable, number[]][] => [
  [zeros([2, 2]), MATRIX],
  [zeros([1], 'bias'), BIAS],
  [zeros([2], 'row_multiplier'), MULTIPLIER],
];

eachBackend((backend) => {
  const bound = backend === 'cpu' ? 1e-6 : 2e-6;

  test.each([0.01, 1, 84.9, 85, 86, 1e6])(
    'a threshold of %s cuts by the coefficient of PyTorch',
    (globalNorm) => {
      const by = coefficient(85, globalNorm);
      const [matrix, bias] = clipped({ globalNorm }, model());
      expectClose(matrix!, scaled(MATRIX, by), bound);
      expectClose(bias!, scaled(BIAS, by), bound);
    },
  );

  test('gradients of random shapes and sizes are cut as one vector', () => {
    const next = random(31);
    for (const scale of [1e-3, 1, 1e3]) {
      const shapes = [[], [1], [5], [4, 3], [2, 3, 2, 2]];
      const gradients = shapes.map((shape) => noise(next, tf.util.sizeFromShape(shape), scale));
      const by = coefficient(norm(...gradients), 0.7);
      const got = clipped(
        { globalNorm: 0.7 },
        shapes.map((shape, i) => [zeros(shape), gradients[i]!]),
      );
      got.forEach((gradient, i) => {
        expectClose(gradient!, scaled(gradients[i]!, by), bound);
      });
    }
  });

  test('below the threshold nothing changes, to the last bit', () => {
    expect(clipped({ globalNorm: 100 }, model())).toEqual([MATRIX, BIAS, MULTIPLIER]);
    expect(clipped({ globalNorm: 1 }, [[zeros([2]), [0, 0]]])).toEqual([[0, 0]]);
  });

  test('multipliers are by default neither counted nor scaled', () => {
    const [matrix, , multiplier] = clipped({ globalNorm: 1 }, model());
    expect(multiplier).toEqual(MULTIPLIER);
    expectClose(matrix!, scaled(MATRIX, coefficient(85, 1)), bound);
  });

  test('with nothing excluded they are counted and scaled', () => {
    const by = coefficient(norm(MATRIX, BIAS, MULTIPLIER), 1);
    clipped({ globalNorm: 1, exclude: [] }, model()).forEach((gradient, i) => {
      expectClose(gradient!, scaled([MATRIX, BIAS, MULTIPLIER][i]!, by), bound);
    });
  });

  test.each([
    ['a role', () => 'vector'],
    ['a list of roles', () => ['vector', 'head']],
    ['a name', (bias: tf.Variable) => ({ name: bias.name })],
    ['a variable', (bias: tf.Variable) => bias],
    ['a predicate', () => (v: tf.Variable) => v.name.endsWith('bias')],
    ['a list in a list', (bias: tf.Variable) => ['head', [{ name: bias.name }]]],
  ] as const)('%s may be excluded instead; multipliers are then counted', (_, exclude) => {
    const entries = model();
    const selector = exclude(entries[1]![0]) as NonNullable<Options['exclude']>;
    const got = clipped({ globalNorm: 1, exclude: selector }, entries);
    const by = coefficient(norm(MATRIX, MULTIPLIER), 1);
    expectClose(got[0]!, scaled(MATRIX, by), bound);
    expect(got[1]).toEqual(BIAS);
    expectClose(got[2]!, scaled(MULTIPLIER, by), bound);
  });

  test.each([
    ['untouched', 1],
    ['own-norm', coefficient(500, 2)],
    ['scaled', coefficient(85, 2)],
  ] as const)('excluded gradients may be %s, which changes no other', (excluded, by) => {
    const [matrix, bias, multiplier] = clipped({ globalNorm: 2, excluded }, model());
    expectClose(matrix!, scaled(MATRIX, coefficient(85, 2)), bound);
    expectClose(bias!, scaled(BIAS, coefficient(85, 2)), bound);
    expectClose(multiplier!, scaled(MULTIPLIER, by), bound);
  });

  test('variables without a gradient are not counted and keep having none', () => {
    const entries = model();
    const got = clipped({ globalNorm: 1 }, [entries[0]!, [entries[1]![0], null], entries[2]!]);
    expectClose(got[0]!, scaled(MATRIX, coefficient(13, 1)), bound);
    expect(got[1]).toBeNull();
  });

  test('a step in which everything is excluded, or nothing has a gradient, goes through', () => {
    const [, , multiplier] = model();
    for (const excluded of ['untouched', 'own-norm', 'scaled'] as const) {
      const got = clipped({ globalNorm: 1000, excluded }, [multiplier!]);
      expect(got).toEqual([MULTIPLIER]);
    }
    expect(clipped({ globalNorm: 1 }, [[zeros([1]), null]])).toEqual([null]);
    expect(clipped({ globalNorm: 1 }, [])).toEqual([]);
  });

  test.each([
    ['finite', [3, -4]],
    ['with a norm that overflows', [3e30, -4e30]],
    ['infinite', [Infinity, 1]],
    ['not a number', [Number.NaN, 1]],
  ])('a threshold of infinity is the identity: gradients that are %s', (_, gradient) => {
    for (const threshold of ['globalNorm', 'perVariableNorm', 'value', 'adaptive'] as const) {
      for (const excluded of ['untouched', 'own-norm', 'scaled'] as const) {
        const got = clipped({ [threshold]: Infinity, excluded }, [
          [zeros([2]), gradient],
          [zeros([2], 'row_multiplier'), gradient],
        ]);
        expect(got).toEqual([gradient.map(Math.fround), gradient.map(Math.fround)]);
      }
    }
  });
});
