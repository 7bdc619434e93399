/** Numbers in and out of tensors, comparisons and counts. */
import * as tf from '@tensorflow/tfjs-core';
import { expect, vi } from 'vitest';

export { noise, normal, random, values } from './numbers.ts';

let made = 0;

/** A trainable variable with a name that no other variable of the process has. */
export function variable(data: number[], shape: number[], name = 'w'): tf.Variable {
  made += 1;
  return tf.tidy(() => tf.variable(tf.tensor(data, shape), true, `test${made}/${name}`));
}

/**
 * Every element within `relative` of the expected one. Smaller ones than `least`, by default a hundredth of
 * the largest, are compared with that instead: float32 holds a difference of large numbers no better.
 */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  relative: number,
  least: number = 1e-2 * Math.max(...expected.map(Math.abs)),
): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    const error = Math.abs((actual[i] as number) - value) / Math.max(Math.abs(value), least, 1e-30);
    if (!(error <= relative)) {
      expect.fail(`element ${i}: ${actual[i]} instead of ${value}, a relative error of ${error}`);
    }
  });
}

/** The number of tensors that `action` leaves behind. */
export async function tensorsLeftBy(action: () => unknown): Promise<number> {
  const before = tf.memory().numTensors;
  await action();
  return tf.memory().numTensors - before;
}

/** How often `action` waits for a value of the device, or asks for one. */
export function hostReads(action: () => void): number {
  const spies = (['dataSync', 'data', 'bytes'] as const).map((name) =>
    vi.spyOn(tf.Tensor.prototype, name),
  );
  try {
    action();
    return spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** The names of the kernels that `action` runs, in their order. */
export function kernelsRunBy(action: () => void): string[] {
  const names: string[] = [];
  const engine = tf.engine();
  const run = engine.runKernel.bind(engine);
  const spy = vi.spyOn(engine, 'runKernel').mockImplementation((name, inputs, attrs) => {
    names.push(name);
    return run(name, inputs, attrs);
  });
  try {
    action();
    return names;
  } finally {
    spy.mockRestore();
  }
}

/** One step with gradients given as plain numbers; null where there is none. */
export function step(
  optimizer: tf.Optimizer,
  gradients: readonly (readonly [tf.Variable, readonly number[] | null])[],
): void {
  tf.tidy(() => {
    optimizer.applyGradients(
      gradients.map(([target, gradient]) => ({
        name: target.name,
        tensor:
          gradient === null
            ? (null as unknown as tf.Tensor)
            : tf.tensor([...gradient], target.shape),
      })),
    );
  });
}
