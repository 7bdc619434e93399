/** A loss of magnitudes of a Fourier transform trains, though tfjs has no gradient through complex numbers. */
import * as tf from '@tensorflow/tfjs-core';
import { disableTraining, enableTraining } from '@tfjs-lrm/kernels';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { whatIsMissing } from './backends.ts';
import { startBackend } from './start-backend.ts';

const STEPS = 10;
const magnitudes = (x: tf.Tensor): tf.Tensor => tf.abs(tf.spectral.rfft(x));

/** The losses of a signal that is trained to the spectrum of a sine; `around` may compile a step. */
function losses(around = (step: () => tf.Scalar) => step): number[] {
  const signal = tf.tidy(() =>
    tf.variable(tf.tensor1d([0.3, -0.1, 0.4, -0.2, 0.5, 0.1, -0.4, 0.2])),
  );
  const target = tf.tidy(() => tf.clone(magnitudes(tf.sin(tf.range(0, 8)))));
  const optimizer = tf.train.sgd(0.05);
  const step = around(
    () =>
      optimizer.minimize(() => tf.losses.meanSquaredError(target, magnitudes(signal)), true, [
        signal,
      ]) as tf.Scalar,
  );
  const values = Array.from({ length: STEPS }, () => {
    const loss = step();
    const [value] = loss.dataSync();
    loss.dispose();
    return value!;
  });
  tf.dispose([signal, target]);
  optimizer.dispose();
  return values;
}

beforeEach(() => enableTraining());
afterEach(disableTraining);

test('on cpu, leaving no tensor', async () => {
  await startBackend('cpu');
  const before = tf.memory().numTensors;
  const [first, ...rest] = losses();
  expect(rest.at(-1)).toBeLessThan(first! / 2);
  expect(tf.memory().numTensors).toBe(before);
  disableTraining();
  expect(() => tf.tidy(() => losses())).toThrow('gradient function not found');
});

describe.skipIf(whatIsMissing('tensorflow') !== null)('on tensorflow', () => {
  test('the same, also compiled into one function', async () => {
    await startBackend('cpu');
    const expected = losses().map((loss) => expect.closeTo(loss, 4));
    await startBackend('tensorflow');
    expect(losses()).toEqual(expected);
    const { compile } = await import('@tfjs-lrm/native');
    expect(losses((step) => compile(step))).toEqual(expected);
  });
});
