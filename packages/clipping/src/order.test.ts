/** Clipping by value, by variable and by unit, and the order in which they act, against plain loops. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { reaching } from '../../../test/optimizers.ts';
import { expectClose, noise, random, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

type Options = Parameters<typeof withClipping>[1];

const norm = (tensor: readonly number[]): number => Math.hypot(...tensor);
const cut = (tensor: number[], most: number): number[] =>
  tensor.map((g) => g * Math.min(1, most / (norm(tensor) + 1e-6)));
const byValue = (tensor: number[], most: number): number[] =>
  tensor.map((g) => Math.min(Math.max(g, -most), most));

/** Brock et al., 2021: the unit of a kernel is what writes one output, its last axis. */
function byUnit(gradient: number[], weight: number[], shape: number[], lambda: number): number[] {
  const units = shape.length < 2 ? 1 : (shape.at(-1) as number);
  const out = [...gradient];
  for (let unit = 0; unit < units; unit++) {
    const own = (_: number, i: number): boolean => i % units === unit;
    const most = lambda * Math.max(norm(weight.filter(own)), 1e-3);
    const by = Math.min(1, most / norm(gradient.filter(own)));
    gradient.forEach((g, i) => {
      if (own(g, i)) out[i] = g * by;
    });
  }
  return out;
}

const SHAPES = [[], [4], [3, 2], [2, 2, 3], [2, 1, 2, 3]];
const next = random(41);
const WEIGHTS = SHAPES.map((shape) => noise(next, tf.util.sizeFromShape(shape)));
const GRADIENTS = SHAPES.map((shape) => noise(next, tf.util.sizeFromShape(shape), 3));

const clipped = (options: Options, names = SHAPES.map(() => 'w')): (number[] | null)[] =>
  reaching(
    (inner) => withClipping(inner, options),
    SHAPES.map((shape, i) => [variable(WEIGHTS[i]!, shape, names[i]), GRADIENTS[i]!]),
  );

function expectAll(actual: (number[] | null)[], expected: number[][]): void {
  actual.forEach((gradient, i) => {
    expectClose(gradient!, expected[i]!, 2e-6);
  });
}

eachBackend(() => {
  test('value cuts each element', () => {
    expectAll(
      clipped({ value: 0.5 }),
      GRADIENTS.map((g) => byValue(g, 0.5)),
    );
  });

  test('perVariableNorm cuts each gradient by its own norm', () => {
    expectAll(
      clipped({ perVariableNorm: 1.5 }),
      GRADIENTS.map((g) => cut(g, 1.5)),
    );
  });

  test.each([0.01, 0.5, 2, 100])(
    'adaptive %s cuts each unit to that share of its weights',
    (adaptive) => {
      expectAll(
        clipped({ adaptive }),
        GRADIENTS.map((g, i) => byUnit(g, WEIGHTS[i]!, SHAPES[i]!, adaptive)),
      );
    },
  );

  test('adaptive lets a unit whose weights are zero move', () => {
    const [got] = reaching(
      (inner) => withClipping(inner, { adaptive: 0.5 }),
      [[variable([0, 3, 0, 4], [2, 2]), [30, 30, 40, 40]]],
    );
    expectClose(got!, [30 * 1e-5, 1.5, 40 * 1e-5, 2], 1e-6, 0);
  });

  test('several act in the order value, per variable, adaptive, global', () => {
    const [value, perVariableNorm, adaptive, globalNorm] = [1.2, 2, 0.8, 0.9];
    const before = GRADIENTS.map((g) => cut(byValue(g, value), perVariableNorm)).map((g, i) =>
      byUnit(g, WEIGHTS[i]!, SHAPES[i]!, adaptive),
    );
    const by = Math.min(1, globalNorm / (norm(before.flat()) + 1e-6));
    expect(by).toBeLessThan(0.9);
    const expected = before.map((g) => g.map((x) => x * by));
    expectAll(clipped({ globalNorm, adaptive, value, perVariableNorm }), expected);
    expectAll(clipped({ value, perVariableNorm, adaptive, globalNorm }), expected);
    // Nested the other way round they act the other way round: the norm sees what was not yet cut by value.
    const nested = reaching(
      (inner) => withClipping(withClipping(inner, { value: 0.1 }), { globalNorm }),
      SHAPES.map((shape, i) => [variable(WEIGHTS[i]!, shape), GRADIENTS[i]!]),
    );
    const first = Math.min(1, globalNorm / (norm(GRADIENTS.flat()) + 1e-6));
    expectAll(
      nested,
      GRADIENTS.map((g) =>
        byValue(
          g.map((x) => x * first),
          0.1,
        ),
      ),
    );
  });

  test.each(['value', 'perVariableNorm', 'adaptive'] as const)(
    '%s leaves excluded gradients alone',
    (option) => {
      const names = SHAPES.map((_, i) => (i === 2 ? 'row_multiplier' : 'w'));
      const got = clipped({ [option]: 1e-3 }, names);
      expect(got[2]).toEqual(GRADIENTS[2]);
      expect(norm(got[3]!)).toBeLessThan(0.1);
    },
  );

  test('gradients are not changed in place', () => {
    const target = variable([0, 0], [2]);
    const gradient = tf.tensor1d([3, 4]);
    withClipping(tf.train.sgd(1), { globalNorm: 1, value: 2, adaptive: 1 }).applyGradients({
      [target.name]: gradient,
    });
    expect(Array.from(gradient.dataSync())).toEqual([3, 4]);
    gradient.dispose();
  });
});
