/** A model as the files that `tf.loadLayersModel` reads. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { layersIn } from '@tfjs-lrm/core/kit';
import type { SummedSpec } from '../check-weights.ts';
import { registeredNames } from '../internals.ts';
import { crc32 } from '../keras/crc32.ts';
import { KERAS_ACTIVATIONS } from '../keras-layers/names.ts';

type Spec = tf.io.WeightsManifestEntry;

/** The classes of tfjs itself: this module is loaded before any other registers its own. */
const STOCK: ReadonlySet<string> = new Set(registeredNames());

/** As in the files of `tensorflowjs_converter`: browsers and networks cache parts of this size. */
const SHARD_BYTES = 4 * 1024 * 1024;

const ACTIVATIONS: readonly string[] = [...new Set(Object.values(KERAS_ACTIVATIONS))];

/** The activations of a layer that tfjs lacks, by their names in its configuration. */
function activationsBeyondTfjs(layer: { getConfig(): object }): readonly string[] {
  const config = JSON.stringify(layer.getConfig());
  // In memory the names are written as in JavaScript, in files as in Python.
  const inJavaScript = (name: string): string =>
    name.replace(/_./g, ([, letter]) => (letter as string).toUpperCase());
  return ACTIVATIONS.filter((name) => config.includes(`"${inJavaScript(name)}"`));
}

/** The layers of a model that tfjs lacks or whose activation it lacks, each as `name (Class)` or `name (activation)`. */
export function layersBeyondTfjs(model: LayersModel): readonly string[] {
  const all = [...layersIn(model as unknown as Parameters<typeof layersIn>[0])];
  return all.flatMap((layer) => {
    const className = layer.getClassName();
    if (!STOCK.has(className)) return [`${layer.name} (${className})`];
    // The layers of a nested model come by themselves.
    if ('layers' in layer) return [];
    return activationsBeyondTfjs(layer).map((activation) => `${layer.name} (${activation})`);
  });
}

/** The names that several weights of a model have; stock tfjs cannot load such a model. */
export function sharedNames(model: LayersModel): readonly string[] {
  const names = [...new Set(model.weights)].map(({ originalName }) => originalName);
  return [...new Set(names.filter((name, i) => names.indexOf(name) !== i))];
}

/** The entries of the manifest with checksums, which `loadModel` checks and tfjs ignores. */
function withSums(specs: readonly Spec[], bytes: Uint8Array): readonly SummedSpec[] {
  let end = 0;
  return specs.map((spec) => {
    const start = end;
    end += tf.util.sizeFromShape(spec.shape) * tf.util.bytesPerElement(spec.dtype as tf.DataType);
    return { ...spec, crc32: crc32(bytes.subarray(start, end)) };
  });
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
  const weights = withSums(weightSpecs ?? [], bytes);
  const weightsManifest = [{ paths: shards.map(({ name }) => name), weights }];
  const json = JSON.stringify({ ...rest, weightsManifest });
  return new Map([
    ...shards.map(({ name, data }) => [name, data] as const),
    ['model.json', new TextEncoder().encode(json)],
  ]);
}
