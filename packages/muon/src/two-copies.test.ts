import type * as tf from '@tensorflow/tfjs-core';
import { assignRoles } from '@tfjs-lrm/core';
import { withWeightDecay } from '@tfjs-lrm/weight-decay';
import { expect, test, vi } from 'vitest';
import { onCpu } from '../../../test/backends.ts';
import { smallModel, train, weightsOf } from '../../../test/models.ts';
import { muon } from './index.ts';

async function trained(optimizer: tf.Optimizer): Promise<number[][]> {
  const model = smallModel();
  assignRoles(model); // one kernel for Muon, the rest for its fallback
  model.compile({ optimizer, loss: 'meanSquaredError' });
  await train(model, 0, 3);
  return weightsOf(model);
}

onCpu(() => {
  test('a Muon of one copy inside of an adapter of another trains as in one copy', async () => {
    const expected = await trained(withWeightDecay(muon({ learningRate: 0.05 })));
    vi.resetModules();
    const copy = await import('./index.ts');
    const decay = await import('@tfjs-lrm/weight-decay');
    expect(copy.muon).not.toBe(muon);
    const inner = () => copy.muon({ learningRate: 0.05 });
    expect(await trained(withWeightDecay(inner()))).toEqual(expected);
    expect(await trained(decay.withWeightDecay(muon({ learningRate: 0.05 })))).toEqual(expected);
  });
});
