import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/**
 * Writes a model the way every tfjs loads it: `model.json` and `weights.bin`, in a folder that appears when it is
 * complete. What is known besides goes into `userDefinedMetadata`.
 */
export async function saveModel(
  model: LayersModel,
  folder: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<void> {
  const partial = `${folder}.tmp`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    const { weightSpecs, weightData, ...rest } = artifacts;
    const manifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
    const json = { ...rest, userDefinedMetadata: metadata, weightsManifest: manifest };
    writeFileSync(join(partial, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
    writeFileSync(join(partial, 'model.json'), JSON.stringify(json));
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(handler);
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}
