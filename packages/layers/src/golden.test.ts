/** Outputs and every gradient equal those that PyTorch computed in float64 from the definitions. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { cases, layerOf, withGradients } from '../test/golden.ts';

/** The largest difference over the largest magnitude, or by itself where all should be 0. */
function difference(actual: readonly number[], expected: readonly number[]): number {
  expect(actual).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs)) || 1;
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] as number)))) / scale;
}

eachBackend(() => {
  it.each(cases)('$layer, $name', (at) => {
    const before = tf.memory().numTensors;
    const layer = at.layer === 'crossEntropy' ? null : layerOf(at);
    const inputs = at.inputs.map(({ values: numbers, shape }) => tf.tensor(numbers, shape));
    const [output, ...gradients] = withGradients(at, layer, inputs) as [tf.Tensor, ...tf.Tensor[]];
    expect(output.shape).toEqual(at.shape);
    expect(difference(values(output), at.output)).toBeLessThan(1e-5);
    for (const [i, { name, gradient }] of [...at.inputs, ...at.weights].entries()) {
      const error = difference(values(gradients[i] as tf.Tensor), gradient);
      expect(error, `the gradient of ${name}`).toBeLessThan(1e-5);
    }
    layer?.dispose();
    tf.dispose([...inputs, output, ...gradients]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
