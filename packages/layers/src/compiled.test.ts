/** Recorded as one function of TensorFlow, also through XLA, all golden values hold. */
import * as tf from '@tensorflow/tfjs-core';
import { isLinked } from '@tfjs-lrm/native/linked';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { type Case, cases, difference, layerOf, withGradients } from '../test/golden.ts';

describe.skipIf(!isLinked()).each([false, true])('compiled, xla: %s', (xla) => {
  beforeAll(() => useBackend('tensorflow'));

  it.each(cases)('$layer, $name', async (at: Case) => {
    const { compile } = await import('@tfjs-lrm/native');
    const before = tf.memory().numTensors;
    const layer = at.layer === 'crossEntropy' ? null : layerOf(at);
    const inputs = at.inputs.map(({ values: numbers, shape }) => tf.tensor(numbers, shape));
    const step = compile((...batch: tf.Tensor[]) => withGradients(at, layer, batch), { xla });
    // Run, recorded, and from the recording.
    for (let call = 0; call < 3; call++) {
      const results = step(...inputs);
      const wanted = [at.output, ...[...at.inputs, ...at.weights].map(({ gradient }) => gradient)];
      wanted.forEach((expected, i) => {
        expect(difference(values(results[i] as tf.Tensor), expected)).toBeLessThan(1e-5);
      });
      tf.dispose(results);
    }
    expect(step.traces).toBe(1);
    step.dispose();
    layer?.dispose();
    tf.dispose(inputs);
    expect(tf.memory().numTensors).toBe(before);
  });
});
