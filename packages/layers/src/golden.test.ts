/** Outputs and every gradient equal those that PyTorch computed in float64 from the definitions. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { cases, difference, layerOf, withGradients } from '../test/golden.ts';

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
