import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { roleOf } from '@tfjs-lrm/core';
import { expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { values } from '../../../test/tensors.ts';
import { addMultipliers, foldMultipliers, withMultipliers } from './index.ts';

onCpu(() => {
  test('a second copy of the package folds what the first wrapped, and wraps nothing twice', async () => {
    const model = sequential({
      layers: [withMultipliers(layers.dense({ units: 3, inputShape: [2], name: 'inner' }))],
    });
    const x = tf.tensor2d([[1, -2]]);
    const before = values(model.predict(x) as tf.Tensor);
    const roles = model.trainableWeights.map((weight) => roleOf(weight.read() as tf.Variable));

    vi.resetModules();
    const copy = await import('./index.ts');
    const core = await import('@tfjs-lrm/core');
    expect(copy.foldMultipliers).not.toBe(foldMultipliers);
    expect(model.trainableWeights.map((w) => core.roleOf(w.read() as tf.Variable))).toEqual(roles);
    expect(copy.addMultipliers(model).countParams()).toBe(model.countParams());
    expect(addMultipliers(model).countParams()).toBe(model.countParams());
    const folded = copy.foldMultipliers(model);
    expect(folded.countParams()).toBe(9);
    expect(values(folded.predict(x) as tf.Tensor)).toEqual(before);
  });
});
