import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { foldMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { eachBackend } from '../../../../test/backends.ts';
import './language-model.ts';

/** Saved by the demo before its layers became a package, with what they gave. */
const folder = new URL('../../../../fixtures/lm/former-layers/', import.meta.url);

eachBackend(() => {
  it.each(['plain', 'multipliers'])('a model of the former layers loads: %s', async (name) => {
    const read = (file: string): Buffer => readFileSync(new URL(`${name}/${file}`, folder));
    const { modelTopology, weightsManifest } = JSON.parse(read('model.json').toString());
    const { ids, logits } = JSON.parse(read('expected.json').toString());
    const weightData = new Uint8Array(read('weights.bin')).buffer;
    const weightSpecs = weightsManifest[0].weights;
    const model = await loadLayersModel(
      tf.io.fromMemory({ modelTopology, weightSpecs, weightData }),
    );
    const folded = foldMultipliers(model);
    for (const each of [model, folded]) {
      const worst = tf.tidy(() => {
        const outputs = each.apply(tf.tensor2d(ids, undefined, 'int32')) as tf.Tensor;
        return tf.max(tf.abs(tf.sub(outputs, tf.tensor(logits)))).dataSync()[0];
      });
      expect(worst).toBeLessThan(1e-5);
      expect(each.layers.map((layer) => layer.getClassName()).join()).not.toContain('Demo');
      each.dispose();
    }
  });
});
