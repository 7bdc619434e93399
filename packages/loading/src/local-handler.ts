/** Reads `model.json` and the files that it names from the disk. */
import * as tf from '@tensorflow/tfjs-core';
import { beside, isLocal, readLocal } from './local-files.ts';
import type { LoadModelOptions } from './options.ts';
import { fetchOf } from './source.ts';
import { converted } from './weight-addresses.ts';

export function localHandler(path: string, options: LoadModelOptions): tf.io.IOHandler {
  const { weightUrlConverter, weightPathPrefix: prefix, requestInit } = options;
  // What model.json names is in its folder; another one is for the caller to name.
  const placeOf =
    weightUrlConverter === undefined
      ? async (name: string) => (prefix === undefined ? beside(path, name) : `${prefix}${name}`)
      : converted(weightUrlConverter);
  const bytesOf = async (name: string): Promise<ArrayBuffer> => {
    const place = await placeOf(name);
    if (isLocal(place)) return Uint8Array.from(await readLocal(place)).buffer;
    return await (await fetchOf(options)(place, requestInit)).arrayBuffer();
  };
  return {
    async load() {
      const json: unknown = JSON.parse(new TextDecoder().decode(await readLocal(path)));
      return await tf.io.getModelArtifactsForJSON(json as tf.io.ModelJSON, async (manifest) => {
        const files = await Promise.all(manifest.flatMap(({ paths }) => paths).map(bytesOf));
        return [tf.io.getWeightSpecs(manifest), files];
      });
    },
  };
}
