import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { savedArtifacts, smallModel, train, weightsOf } from '../../../test/models.ts';
import { build, continueInNewProcess } from '../../../test/process.ts';
import { assignRoles, byRole } from './index.ts';

onCpu(() => {
  beforeAll(() => build(['core']));

  test('a new process continues bit for bit, with variables that have other names', async () => {
    // A model of the same layers first, so that the variables here are numbered and those there are not.
    smallModel();
    const model = smallModel();
    assignRoles(model, { out: 'head' });
    const optimizer = byRole({
      matrix: tf.train.momentum(0.1, 0.9),
      head: tf.train.rmsprop(0.01, 0.9, 0.5, 1e-7, true),
      default: tf.train.adam(0.05),
    });
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 20);
    const saved = await savedArtifacts(model);
    await train(model, 20, 25);
    const there = await continueInNewProcess(['core'], saved, 20, 25);
    expect(there.weights).toEqual(weightsOf(model));
    expect(there.iterations).toBe(25);
    expect(there.config).toEqual(optimizer.getConfig());
    const here = model.weights.map(({ name }) => name);
    expect(here).not.toEqual(there.names);
    expect(there.names).toEqual(['hidden/kernel', 'hidden/bias', 'out/kernel', 'out/bias']);
  });
});
