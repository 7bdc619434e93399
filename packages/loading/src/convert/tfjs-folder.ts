/** A model as the files that `tf.loadLayersModel` reads. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { layersIn } from '@tfjs-lrm/core/kit';
import { registeredNames } from '../internals.ts';

/** The classes of tfjs itself: this module is loaded before any other registers its own. */
const STOCK: ReadonlySet<string> = new Set(registeredNames());

/** As in the files of `tensorflowjs_converter`: browsers and networks cache parts of this size. */
const SHARD_BYTES = 4 * 1024 * 1024;

/** The layers of a model that tfjs lacks, each as `name (Class)`. */
export function layersBeyondTfjs(model: LayersModel): readonly string[] {
  const all = [...layersIn(model as unknown as Parameters<typeof layersIn>[0])];
  return all
    .filter((layer) => !STOCK.has(layer.getClassName()))
    .map((layer) => `${layer.name} (${layer.getClassName()})`);
}

/** The names that several weights of a model have; stock tfjs cannot load such a model. */
export function sharedNames(model: LayersModel): readonly string[] {
  const names = [...new Set(model.weights)].map(({ originalName }) => originalName);
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}

/** The contents of the files by name, `model.json` last. */
export async function tfjsFiles(model: LayersModel): Promise<ReadonlyMap<string, Uint8Array>> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  const { weightSpecs, weightData, ...rest } = saved as tf.io.ModelArtifacts;
  const bytes = new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData));
  const count = Math.max(1, Math.ceil(bytes.length / SHARD_BYTES));
  const shards = Array.from({ length: count }, (_, i) => ({
    name: `group1-shard${i + 1}of${count}.bin`,
    data: bytes.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  }));
  const weightsManifest = [{ paths: shards.map(({ name }) => name), weights: weightSpecs }];
  const json = JSON.stringify({ ...rest, weightsManifest });
  return new Map([
    ...shards.map(({ name, data }) => [name, data] as const),
    ['model.json', new TextEncoder().encode(json)],
  ]);
}
