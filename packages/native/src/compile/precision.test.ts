import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { sequential } from '@tensorflow/tfjs-layers';
import { adam } from '@tfjs-lrm/adam';
import { expect, it } from 'vitest';
import { noise, random, values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';
import { compile } from './compile.ts';
import { compileModel } from './compile-model.ts';

const hasBfloat16 = (): boolean =>
  process.platform === 'linux' &&
  /avx512_bf16|amx_bf16/.test(readFileSync('/proc/cpuinfo', 'utf8'));

const draw = (shape: number[], seed: number): tf.Tensor =>
  tf.tensor(noise(random(seed), tf.util.sizeFromShape(shape)), shape);

/** Fits a linear map by compiled steps, and returns its weights. */
function fit(precision: 'float32' | 'mixed'): number[] {
  const [x, map] = [draw([64, 32], 1), draw([32, 16], 2)];
  const y = tf.matMul(x, map);
  const weights = tf.variable(tf.zeros([32, 16]));
  const optimizer = adam({ learningRate: 0.05 });
  const step = compile(
    (inputs: tf.Tensor, targets: tf.Tensor) =>
      optimizer.minimize(
        () => tf.losses.meanSquaredError(targets, tf.matMul(inputs, weights)),
        true,
        [weights],
      ),
    { precision },
  );
  for (let i = 0; i < 60; i++) step(x, y)?.dispose();
  const result = values(weights);
  step.dispose();
  optimizer.dispose();
  tf.dispose([x, map, y, weights]);
  return [...result];
}

onTensorFlow(() => {
  it('mixed trains as float32 does, to the precision of bfloat16', () => {
    const [single, mixed] = [fit('float32'), fit('mixed')];
    const difference = Math.max(...single.map((w, i) => Math.abs(w - (mixed[i] as number))));
    expect(difference).toBeLessThan(0.05);
    // Else the option would do nothing. Other processors may emulate it, or stay with float32.
    if (hasBfloat16()) expect(difference).toBeGreaterThan(0);
  });

  it('refuses mixed precision with XLA, and what it does not know', () => {
    const options = { xla: true, precision: 'mixed' } as const;
    expect(() => compile(() => null, options)).toThrow(
      "compile: precision 'mixed' must not go with xla",
    );
    expect(() => compileModel(sequential(), options)).toThrow('compileModel: precision');
    expect(() => compile(() => null, { precision: 'half' as 'mixed' })).toThrow('precision');
  });
});
