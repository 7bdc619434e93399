import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, vi } from 'vitest';
import { useBackend } from '../../../test/backends.ts';
import { muon } from './index.ts';

/** Takes a step of a new matrix. */
function step(shape: [number, number], name: string): void {
  const matrix = tf.variable(tf.ones(shape), true, name);
  const optimizer = muon();
  optimizer.applyGradients({ [name]: tf.ones(shape) });
  optimizer.dispose();
  matrix.dispose();
}

describe('a large matrix on the JavaScript backend', () => {
  it('is warned of once, small ones and other backends never', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    await useBackend('wasm');
    step([128, 128], 'hidden/on_wasm');
    await useBackend('cpu');
    step([64, 128], 'hidden/small');
    expect(warn).not.toHaveBeenCalled();
    step([128, 130], 'hidden/large');
    step([128, 128], 'hidden/another');
    expect(warn.mock.calls).toEqual([
      [
        'muon: "hidden/large" [128, 130] trains on the backend cpu, whose matrix products run in plain JavaScript and are slow. Try wasm with enableTraining() of @tfjs-lrm/kernels, webgl, webgpu or tfjs-node.',
      ],
    ]);
  });
});
