import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { expectClose, kernelsRunBy, noise, random, values } from '../../../test/tensors.ts';
import { disableTraining, enableTraining } from './index.ts';

beforeEach(() => enableTraining());
afterEach(disableTraining);

const side = fc.integer({ min: 1, max: 7 });
const cases = fc.record({
  shape: fc.tuple(fc.integer({ min: 1, max: 2 }), side, side, fc.integer({ min: 1, max: 3 })),
  size: fc.tuple(side, side),
  isBilinear: fc.boolean(),
  centers: fc.constantFrom('corners', 'half-pixel', 'neither'),
  seed: fc.nat(),
});

eachBackend((backend) => {
  test('⟨resize(x), dy⟩ = ⟨x, gradient⟩ for every size, and the resize is the gradient of its gradient', () => {
    fc.assert(
      fc.property(cases, ({ shape, size, isBilinear, centers, seed }) => {
        tf.tidy(() => {
          const next = random(seed);
          const draw = (of: number[]): tf.Tensor =>
            tf.tensor(noise(next, tf.util.sizeFromShape(of)), of);
          const resize = (t: tf.Tensor): tf.Tensor =>
            (isBilinear ? tf.image.resizeBilinear : tf.image.resizeNearestNeighbor)(
              t as tf.Tensor4D,
              size,
              centers === 'corners',
              centers === 'half-pixel',
            );
          const [x, dy] = [draw(shape), draw([shape[0], ...size, shape[3]])];
          const gradient = (of: tf.Tensor): tf.Tensor => tf.grad(resize)(x, of);
          const inner = (a: tf.Tensor, b: tf.Tensor): number[] => values(tf.sum(tf.mul(a, b)));
          expectClose(inner(resize(x), dy), inner(x, gradient(dy)), 1e-4, 1);
          const second = tf.grad(gradient)(dy, x);
          expectClose(values(second), values(resize(x)), 1e-4, 1);
        });
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  test.runIf(backend !== 'tensorflow')('it is one kernel', () => {
    tf.tidy(() => {
      const x = tf.ones([1, 3, 4, 2]);
      const gradient = tf.grad((t) =>
        tf.image.resizeBilinear(t as tf.Tensor4D, [6, 5], false, true),
      );
      expect(kernelsRunBy(() => gradient(x))).toContain('ResizeBilinearGrad');
    });
  });
});
