import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ModelFiles } from './messages.ts';

const joined = (data: tf.io.WeightData | undefined): ArrayBuffer =>
  new tf.io.CompositeArrayBuffer(data).slice();

/** A folded model as files: with layers of tfjs and `@tfjs-lrm/layers`. */
export async function modelFiles(
  folded: LayersModel,
  vocabulary: readonly string[],
  context: number,
): Promise<ModelFiles> {
  let layers = { json: '', weights: new ArrayBuffer(0) };
  const userDefinedMetadata = { vocabulary, context };
  await folded.save(
    tf.io.withSaveHandler(async (artifacts) => {
      const { weightSpecs, weightData, ...rest } = artifacts;
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      layers = {
        json: JSON.stringify({ ...rest, userDefinedMetadata, weightsManifest }),
        weights: joined(weightData),
      };
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return { layers, graph: null };
}
