import * as tf from '@tensorflow/tfjs-core';
import { assignRoles, ratesOf } from '@tfjs-lrm/core';
import { variableOf } from '@tfjs-lrm/core/kit';
import { expect, it } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { comparison } from '../comparison.ts';
import { placedModel } from '../model/placed-model.ts';
import { PRESETS } from '../presets.ts';
import { mupFrom } from './mup-from.ts';
import { optimizerOf, scheduleOf } from './optimizer.ts';
import type { RunSettings } from './settings.ts';

const preset = { ...PRESETS.tiny, width: 32, heads: 4, mlp: 64, blocks: 1 };

/** The factors of rate and decay of each matrix, from a base of a quarter of the width. */
function factors(multipliers: boolean) {
  const [settings] = comparison({
    ...{ preset, backend: 'cpu', compile: 'off', optimizer: 'adamw', decays: [0.1] },
    ...{ multipliers: [multipliers], recipe: { mupBase: 8 } },
  }) as [RunSettings];
  const model = placedModel(preset, 20, multipliers ? 'full' : null, 1);
  assignRoles(model);
  const optimizer = optimizerOf(settings, scheduleOf(10, settings));
  const before = tf.memory().numTensors;
  mupFrom(model, optimizer, settings, 20);
  expect(tf.memory().numTensors).toBe(before);
  const rates = new Map(
    model.trainableWeights.map((weight) => [weight.originalName, ratesOf(variableOf(weight))]),
  );
  model.dispose();
  return rates;
}

onCpu(() => {
  it('hidden matrices and the head learn at a quarter, the embedding at the whole rate', () => {
    const rates = factors(false);
    for (const name of ['block0_query', 'block0_output', 'block0_gate', 'block0_down', 'head'])
      expect([name, rates.get(`${name}/kernel`)]).toEqual([name, { learningRate: 0.25, decay: 4 }]);
    expect(rates.get('embedding/embeddings')).toEqual({ learningRate: 1, decay: 1 });
  });

  it('with multipliers, the head has its forward multiplier in them, and the whole rate', () => {
    const rates = factors(true);
    expect(rates.get('block0_query/kernel')).toEqual({ learningRate: 0.25, decay: 4 });
    expect(rates.get('head/kernel')).toEqual({ learningRate: 1, decay: 1 });
    expect(rates.get('head/kernel/column_multiplier')?.learningRate).toBe(0.25);
  });
});
