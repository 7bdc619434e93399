import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { onCpu } from '../../../../test/backends.ts';
import { loadArtifacts, savedArtifacts } from '../../../../test/models.ts';
import { gptBatch, PublicGpt, publicGptNetwork } from '../../../../test/public-gpt.ts';
import { values } from '../../../../test/tensors.ts';
import { onTensorFlow } from '../../test/training.ts';

function isAModelOfTfjs(): void {
  it('a public GPT trains in its own loop, and writes on', async () => {
    const model = new PublicGpt();
    model.compile();
    const batches = Array.from({ length: 30 }, (_, i) => gptBatch(i));
    const dataset = {
      iterator: async () => {
        const rest = [...batches];
        return { next: async () => ({ value: rest.shift(), done: rest.length === 0 }) };
      },
    };
    const { history } = await model.fitDataset(dataset as never, { epochs: 1 });
    const losses = history['loss'] as number[];
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] as number));
    expect(await model.generate([1, 2, 3], 2)).toHaveLength(5);
    tf.dispose(batches.map(({ xs, ys }) => [xs, ys]));
    model.dispose();
  });

  it('a public GPT is saved and loaded by tfjs with equal outputs', async () => {
    const model = publicGptNetwork();
    const loaded = await loadArtifacts(await savedArtifacts(model));
    const { xs, ys } = gptBatch(1);
    const [before, after] = [model, loaded].map((each) => values(each.predict(xs) as tf.Tensor));
    expect(after).toEqual(before);
    tf.dispose([xs, ys]);
    model.dispose();
    loaded.dispose();
  });
}

onCpu(isAModelOfTfjs);
onTensorFlow(isAModelOfTfjs);
