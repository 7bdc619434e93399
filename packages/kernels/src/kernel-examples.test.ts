import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { disableTraining, enableTraining } from './index.ts';
import { kernelExamples } from './kernel-examples.ts';

describe.each(Object.keys(kernelExamples))('on %s', (backend) => {
  beforeAll(() => useBackend(backend as 'cpu' | 'wasm'));
  afterEach(disableTraining);
  const examples = Object.entries(kernelExamples[backend]!);
  const values = (name: string): number[] | string => {
    try {
      return tf.tidy(() => [...kernelExamples[backend]![name]!.of().dataSync()]);
    } catch (error) {
      return String(error);
    }
  };

  test.each(examples)('%s is wrong in tfjs, and right here', (name, { expected }) => {
    expect(values(name)).not.toEqual(expected);
    enableTraining();
    expect(values(name)).toEqual(expected);
  });

  test.each(examples)('%s is left to a tfjs that has it right', (name) => {
    const stock = tf.getKernel(name, backend);
    enableTraining();
    const right = { ...tf.getKernel(name, backend) };
    disableTraining();
    // What another tfjs would register.
    const theirs = { ...stock, kernelFunc: right.kernelFunc };
    tf.unregisterKernel(name, backend);
    tf.registerKernel(theirs);
    enableTraining();
    expect(tf.getKernel(name, backend)).toBe(theirs);
    disableTraining();
    tf.unregisterKernel(name, backend);
    tf.registerKernel(stock);
  });
});
