import * as tf from '@tensorflow/tfjs-core';
import { adam } from '@tfjs-lrm/adam';
import { assignRoles, byRole, setRole } from '@tfjs-lrm/core';
import { warmupStableDecay, withSchedule } from '@tfjs-lrm/schedule';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { beforeAll, expect, test } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { savedArtifacts, smallModel, train, weightsOf } from '../../../test/models.ts';
import { build, continueInNewProcess } from '../../../test/process.ts';
import { withClipping } from './index.ts';

const PACKAGES = ['core', 'adam', 'weight-decay', 'schedule', 'clipping'];

onCpu(() => {
  beforeAll(() => build(PACKAGES));

  test('a stack of every adapter continues in a new process bit for bit', async () => {
    // The same layers once before, so that names differ between the processes.
    smallModel();
    const model = smallModel();
    assignRoles(model, { out: 'head' });
    setRole(model.layers[0]!.weights[1]!, 'multiplier');
    const groups = byRole({
      head: withClipping(tf.train.momentum(0.1, 0.9), { value: 0.05 }),
      multiplier: adam({ learningRate: 0.2 }),
      default: adam({ learningRate: 0.1, beta2: 0.95 }),
    });
    const optimizer = withSchedule(
      withClipping(withWeightDecay(groups, { decay: 0.5 }), {
        globalNorm: 0.5,
        excluded: 'own-norm',
      }),
      warmupStableDecay({ warmup: 5, stable: 10, decay: 10 }),
    );
    model.compile({ optimizer, loss: 'meanSquaredError' });
    await train(model, 0, 12);
    const saved = await savedArtifacts(model);
    await train(model, 12, 22);
    const there = await continueInNewProcess(PACKAGES, saved, 12, 22);
    expect(there.weights).toEqual(weightsOf(model));
    expect(there.iterations).toBe(22);
    expect(there.config).toEqual(optimizer.getConfig());
    expect(there.names).not.toEqual(model.weights.map(({ name }) => name));
  });
});
