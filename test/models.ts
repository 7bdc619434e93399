/** Small models, their data, and saving and loading as a user does it. */
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { noise, random, values } from './tensors.ts';

/** Two dense layers with fixed weights, 3 features to 2. */
export function smallModel(seed = 1): layers.Sequential {
  const model = layers.sequential({
    layers: [
      layers.layers.dense({ name: 'hidden', units: 4, activation: 'tanh', inputShape: [3] }),
      layers.layers.dense({ name: 'out', units: 2 }),
    ],
  });
  const next = random(seed);
  tf.tidy(() => {
    model.setWeights(
      model.weights.map(({ shape }) =>
        tf.tensor(noise(next, tf.util.sizeFromShape(shape as number[])), shape as number[]),
      ),
    );
  });
  return model;
}

/** Trains on the batches of the steps in [from, to), which depend on the step alone. */
export async function train(model: layers.LayersModel, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at++) {
    const next = random(1000 + at);
    const x = tf.tensor(noise(next, 15), [5, 3]);
    const y = tf.tensor(noise(next, 10), [5, 2]);
    await model.trainOnBatch(x, y);
    tf.dispose([x, y]);
  }
}

/** All weights of a model, weight by weight. */
export function weightsOf(model: layers.LayersModel): number[][] {
  return model.getWeights().map(values);
}

/** What a file of the model would hold: the JSON text and the bytes. */
export async function savedArtifacts(
  model: layers.LayersModel,
): Promise<{ json: string; weightData: ArrayBuffer }> {
  let saved: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
  });
  await model.save(handler, { includeOptimizer: true });
  const { weightData, ...rest } = saved as tf.io.ModelArtifacts;
  return { json: JSON.stringify(rest), weightData: weightData as ArrayBuffer };
}

/** The model that loading its file gives. */
export async function loadArtifacts(saved: {
  json: string;
  weightData: ArrayBuffer;
}): Promise<layers.LayersModel> {
  const artifacts = { ...JSON.parse(saved.json), weightData: saved.weightData };
  return layers.loadLayersModel(tf.io.fromMemory(artifacts as tf.io.ModelArtifacts));
}

export async function reload(model: layers.LayersModel): Promise<layers.LayersModel> {
  return loadArtifacts(await savedArtifacts(model));
}
