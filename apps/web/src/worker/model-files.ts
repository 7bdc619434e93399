import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { graphModel } from '@tfjs-lrm/language-model';
import type { ModelFiles } from './messages.ts';

type Files = ModelFiles['layers'];

/** A model as `model.json` and `weights.bin`, the way every tfjs loads it. */
function filesOf(artifacts: tf.io.ModelArtifacts, userDefinedMetadata: object): Files {
  const { weightSpecs, weightData, ...rest } = artifacts;
  const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
  return {
    json: JSON.stringify({ ...rest, userDefinedMetadata, weightsManifest }),
    weights: new tf.io.CompositeArrayBuffer(weightData).slice(),
  };
}

/** What a layers model saves. */
export async function artifactsOf(model: LayersModel): Promise<tf.io.ModelArtifacts> {
  const saved: tf.io.ModelArtifacts[] = [];
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved.push(artifacts);
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
  return saved[0] as tf.io.ModelArtifacts;
}

/** A folded model as files: as layers of tfjs and of `@tfjs-lrm/layers`, and as a graph for tfjs alone. */
export async function modelFiles(
  folded: LayersModel,
  vocabulary: readonly string[],
  context: number,
): Promise<ModelFiles> {
  const metadata = { vocabulary, context };
  const graph = await graphModel(folded, context, metadata);
  return {
    layers: filesOf(await artifactsOf(folded), metadata),
    graph: graph && filesOf(graph, metadata),
  };
}
