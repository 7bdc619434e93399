import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import { foldMultipliers } from '@tfjs-lrm/multipliers';
import { expect, it } from 'vitest';
import { eachBackend, onCpu } from '../../../test/backends.ts';
import { graphModel } from './graph-model.ts';
import { languageModel } from './model/language-model.ts';

const TIME = 10;
const SIZE = { width: 16, blocks: 2, heads: 2, mlp: 24, context: TIME };

eachBackend(() => {
  it('the graph of a folded model gives its outputs, with tfjs alone', async () => {
    const model = languageModel(SIZE, 11, true, 1);
    tf.tidy(() => {
      // Positions matter only where attention is not uniform.
      for (const weight of model.weights)
        weight.write(
          tf.add(weight.read(), tf.randomNormal(weight.shape as number[], 0, 0.2, 'float32', 3)),
        );
    });
    const folded = foldMultipliers(model);
    const before = tf.memory().numTensors;
    const artifacts = await graphModel(folded, TIME, { vocabulary: ['a'] });
    expect(tf.memory().numTensors).toBe(before);
    const graph = (await loadGraphModel(
      tf.io.fromMemory(artifacts as tf.io.ModelArtifacts),
    )) as GraphModel;
    const difference = tf.tidy(() => {
      const ids = tf.randomUniform([3, TIME], 0, 11, 'int32', 5);
      return tf
        .max(tf.abs(tf.sub(graph.predict(ids) as tf.Tensor, folded.apply(ids) as tf.Tensor)))
        .dataSync();
    });
    expect(difference[0]).toBeLessThan(1e-5);
    graph.dispose();
    folded.dispose();
    model.dispose();
  });
});

onCpu(() => {
  it('a model with other layers has no graph', async () => {
    const model = languageModel({ ...SIZE, mixer: 'mamba2' }, 11, false, 1);
    expect(await graphModel(model, TIME, {})).toBeNull();
    model.dispose();
  });

  it('a model that looks back less far than the sequences reach has none', async () => {
    const model = languageModel(SIZE, 11, false, 1);
    expect(await graphModel(model, TIME + 1, {})).toBeNull();
    model.dispose();
  });
});
