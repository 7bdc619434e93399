import * as tf from '@tensorflow/tfjs-core';
import { expect, it, vi } from 'vitest';
import { expectClose, noise, random, values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';
import { nodeBackend } from './backend.ts';
import { compile } from './compile.ts';

/** Shapes of the operands, which of them are transposed, and whether TensorFlow has to run it as one of batches. */
const CASES: [
  a: number[],
  b: number[],
  transposeA: boolean,
  transposeB: boolean,
  batch: boolean,
][] = [
  [[3, 4], [4, 2], false, false, false],
  [[4, 3], [4, 2], true, false, false],
  [[3, 4], [2, 4], false, true, false],
  [[4, 3], [2, 4], true, true, false],
  // The gradients of multipliers.
  [[3, 4], [1, 4], false, true, false],
  [[3, 4], [3, 1], true, false, false],
  [[1, 3, 4], [1, 4, 2], false, false, false],
  [[1, 3, 4], [1, 2, 4], false, true, false],
  [[2, 3, 4], [2, 4, 5], false, false, true],
  [[2, 3, 4], [1, 4, 5], false, false, true],
  [[1, 3, 4], [2, 5, 4], false, true, true],
];

onTensorFlow(() => {
  it.each(CASES)(
    '[%s]·[%s], transposed %s and %s, is one of batches: %s',
    (a, b, tA, tB, batch) => {
      const draw = (shape: number[], seed: number): tf.Tensor =>
        tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);
      const product = (x: tf.Tensor, y: tf.Tensor): tf.Tensor => tf.matMul(x, y, tA, tB);
      const step = compile(product);
      const { binding } = nodeBackend('test');
      const add = vi.spyOn(binding, 'addFunction');
      for (let call = 0; call < 4; call++) {
        tf.tidy(() => {
          const [x, y] = [draw(a, 2 * call), draw(b, 2 * call + 1)];
          const expected = product(x, y);
          const result = step(x, y);
          expect(result.shape).toEqual(expected.shape);
          expectClose(values(result), values(expected), 1e-6, 1);
        });
      }
      const graph = Buffer.from(add.mock.calls[0]?.[1] as Uint8Array).toString('latin1');
      expect(graph.includes('BatchMatMulV2')).toBe(batch);
      expect(graph.includes('MatMul')).toBe(true);
      add.mockRestore();
      step.dispose();
    },
  );
});
