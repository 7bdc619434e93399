/** Gradients whose squares float32 cannot hold: clipped by their norm like any others, not to zero. */
import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { reaching } from '../../../test/optimizers.ts';
import { expectClose, step, values, variable } from '../../../test/tensors.ts';
import { withClipping } from './index.ts';

type Options = Parameters<typeof withClipping>[1];

const zeros = (size: number, name = 'kernel'): tf.Variable =>
  variable(new Array(size).fill(0), [size], name);

const clipped = (options: Options, ...gradients: number[][]): number[][] =>
  reaching(
    (inner) => withClipping(inner, options),
    gradients.map((gradient) => [zeros(gradient.length), gradient]),
  ) as number[][];

eachBackend(() => {
  test.each([1e-30, 1e-20, 1, 1e19, 1e25, 1e35])('norms of elements near %s', async (size) => {
    const optimizer = withClipping(tf.train.sgd(0), { globalNorm: Infinity });
    step(optimizer, [
      [zeros(2), [3 * size, 0]],
      [zeros(1), [4 * size]],
      [zeros(2, 'row_multiplier'), [5 * size, -12 * size]],
    ]);
    const { global, excluded } = await optimizer.norms();
    expect(global / size).toBeCloseTo(5, 4);
    expect(excluded / size).toBeCloseTo(13, 4);
  });

  test.each(['globalNorm', 'perVariableNorm'] as const)(
    '%s clips them to the threshold',
    (name) => {
      for (const size of [1e25, 1e35]) {
        const [gradient] = clipped({ [name]: 2 }, [3 * size, -4 * size]) as [number[]];
        expectClose(gradient, [1.2, -1.6], 1e-5);
      }
    },
  );

  test('adaptive clips each unit to its weights', () => {
    const weight = variable([3, 0, 4, 1], [2, 2], 'kernel');
    const gradients = [3e25, 1e-3, 4e25, 0];
    const [gradient] = reaching(
      (inner) => withClipping(inner, { adaptive: 0.1 }),
      [[weight, gradients]],
    ) as [number[]];
    expectClose(gradient, [0.3, 1e-3, 0.4, 0], 1e-5);
  });

  test('a gradient that is not finite stays not finite', () => {
    for (const broken of [Number.NaN, Infinity]) {
      const [gradient] = clipped({ globalNorm: 1 }, [broken, 1]) as [number[]];
      expect(gradient[0]).toBeNaN();
    }
  });

  test("Adam's second moment overflows beyond 1.8e19, as in PyTorch: clipping first keeps it moving", () => {
    const [alone, behind] = [zeros(2), zeros(2)];
    const optimizer = adam({ learningRate: 0.1 });
    step(optimizer, [[alone, [1e25, 1]]]);
    expectClose(values(alone), [0, -0.1], 1e-5);
    step(withClipping(adam({ learningRate: 0.1 }), { globalNorm: 1 }), [[behind, [1e25, -1e25]]]);
    expectClose(values(behind), [-0.1, 0.1], 1e-5);
  });
});
