import * as tf from '@tensorflow/tfjs-core';
import { afterEach, expect, test, vi } from 'vitest';
import { eachBackend } from '../../../test/backends.ts';
import { hostReads, step, values, variable } from '../../../test/tensors.ts';
import { adam } from './index.ts';

/** The first step is rate · g / (|g| + epsilon): with a rate of 1 and this gradient it tells epsilon. */
function epsilonOf(optimizer: tf.Optimizer, gradient: number): number {
  const target = variable([0], [1]);
  step(optimizer, [[target, [gradient]]]);
  return gradient / -values(target)[0]! - gradient;
}

const half = (): void => {
  vi.spyOn(tf.backend(), 'floatPrecision').mockReturnValue(16);
};

afterEach(() => {
  vi.restoreAllMocks();
});

eachBackend(() => {
  test('an epsilon of 1e-8 acts as such in float32', () => {
    expect(epsilonOf(adam({ learningRate: 1 }), 1e-8) / 1e-8).toBeCloseTo(1, 4);
    expect(epsilonOf(adam({ learningRate: 1, epsilon: 1e-10 }), 1e-10) / 1e-10).toBeCloseTo(1, 4);
  });

  test("bare tfjs takes the backend's 1e-7 for a default", () => {
    expect(epsilonOf(tf.train.adam(1), 1e-7) / 1e-7).toBeCloseTo(1, 3);
  });

  test('on a backend with half precision epsilon is at least 1e-4', () => {
    half();
    expect(epsilonOf(adam({ learningRate: 1 }), 1e-4) / 1e-4).toBeCloseTo(1, 4);
    expect(epsilonOf(adam({ learningRate: 1, epsilon: 1e-5 }), 1e-4) / 1e-4).toBeCloseTo(1, 4);
  });

  test('a larger epsilon stays what it is there', () => {
    half();
    expect(epsilonOf(adam({ learningRate: 1, epsilon: 1e-2 }), 1e-2) / 1e-2).toBeCloseTo(1, 4);
  });

  test('what the backend can hold changes the step, not the configuration', () => {
    const optimizer = adam();
    half();
    step(optimizer, [[variable([0], [1]), [1]]]);
    expect(optimizer.getConfig()['epsilon']).toBe(1e-8);
  });

  test('nothing in a step waits for the device', () => {
    const optimizer = adam();
    const [a, b] = [variable([0], [1]), variable([0, 0], [2])];
    const gradients = [
      { name: a.name, tensor: tf.ones([1]) },
      { name: b.name, tensor: tf.ones([2]) },
    ];
    const steps = (): void => {
      for (let t = 0; t < 3; t++) optimizer.applyGradients(gradients);
      optimizer.applyGradients(gradients.slice(1));
    };
    expect(hostReads(steps)).toBe(0);
    expect(hostReads(() => values(a))).toBe(1);
  });
});
