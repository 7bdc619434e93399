/** Reads a saved model from any source that tfjs can load. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { savedData, show } from '@tfjs-lrm/core/kit';
import { converted } from './internals.ts';
import { namesKerasLayers } from './keras-layers/names.ts';
import { fromKeras3, isKeras3 } from './keras3.ts';
import { loadError, preview, readError } from './load-error.ts';
import { beside, isLocal, readLocal } from './local-files.ts';
import type { Config } from './saved.ts';
import { bytesOf, checkSource, fetchOf, type ModelSource } from './source.ts';
import { type Assigned, assignByName } from './weight-names.ts';

type Artifacts = tf.io.ModelArtifacts;
type Spec = tf.io.WeightsManifestEntry;

/** What was read from a source. */
export interface Read {
  readonly artifacts: Artifacts & { readonly modelTopology: Config };
  /** The version of Keras that wrote it, where it is a file of Keras, or `keras` where that does not say. */
  readonly keras: string | null;
  /** The weight of the model for each saved one. */
  assign(model: LayersModel, specs: readonly Spec[]): readonly Assigned[];
}

/** Reads `model.json` and the files that it names from the disk. */
const localHandler = (path: string): tf.io.IOHandler => ({
  async load() {
    const json: unknown = JSON.parse(new TextDecoder().decode(await readLocal(path)));
    return await tf.io.getModelArtifactsForJSON(json as tf.io.ModelJSON, async (manifest) => {
      const paths = manifest.flatMap((group) => group.paths);
      const files = await Promise.all(paths.map((name) => readLocal(beside(path, name))));
      return [
        tf.io.getWeightSpecs(manifest),
        files.map((file) => Uint8Array.from(file).buffer) as unknown as ArrayBuffer,
      ];
    });
  },
});

function handlerOf(source: string | tf.io.IOHandler, options: tf.io.LoadOptions): tf.io.IOHandler {
  if (typeof source !== 'string') return source;
  const checked = { ...options, fetchFunc: fetchOf(options) };
  const [handler, ...others] = tf.io.getLoadHandlers(source, checked);
  if (others.length === 0) {
    if (handler !== undefined) return handler;
    return isLocal(source) ? localHandler(source) : tf.io.browserHTTPRequest(source, checked);
  }
  throw new RangeError(
    `loadModel: the source must have one handler. Received ${show(source)}, for which ${others.length + 1} are registered. Give the handler itself.`,
  );
}

async function fromKeras(bytes: Uint8Array): Promise<Read> {
  // Only who loads such a file needs the code for it.
  const { readKerasFile } = await import('./keras/keras-file.ts');
  const { topology, version, weights } = await readKerasFile(bytes);
  return {
    artifacts: {
      modelTopology: topology as unknown as Config,
      weightSpecs: [...weights.specs],
      weightData: [...weights.data],
    },
    keras: version ?? 'keras',
    assign: weights.assign,
  };
}

function checkArtifacts(
  artifacts: Artifacts | null,
): asserts artifacts is Artifacts & { modelTopology: Config } {
  const { modelTopology, weightData, weightSpecs, format } = artifacts ?? {};
  const topology = modelTopology as Config | null | undefined;
  if (
    format === 'graph-model' ||
    (typeof topology === 'object' && Array.isArray(topology?.['node']))
  ) {
    throw new TypeError(
      'loadModel: the file must hold a model of layers. Received a graph model. Try tf.loadGraphModel.',
    );
  }
  if (typeof topology !== 'object' || topology === null || Array.isArray(topology)) {
    throw new TypeError(
      `loadModel: the file must hold a modelTopology. Received ${preview(topology)}. Try what model.save writes.`,
    );
  }
  const { weightsManifest } = artifacts as { weightsManifest?: unknown };
  if (weightData == null && (weightSpecs ?? weightsManifest) != null) {
    throw new TypeError(
      'loadModel: the file describes weights, and there is no data for them. Give weightSpecs and weightData, without streamWeights; for initial weights leave both out.',
    );
  }
}

async function orReadError<T>(run: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    throw readError(error);
  }
}

/**
 * What a source holds: a topology, and either weights with their data or neither.
 *
 * @throws TypeError for anything else; Error for a source that fails, with its error as the cause
 */
export async function read(source: ModelSource, options: tf.io.LoadOptions): Promise<Read> {
  checkSource(source);
  const bytes = await orReadError(() => bytesOf(source, options));
  if (bytes != null) return await fromKeras(bytes);
  const handler = handlerOf(source as string | tf.io.IOHandler, options);
  const artifacts = (await orReadError(() => handler.load?.())) ?? null;
  checkArtifacts(artifacts);
  return { artifacts, keras: null, assign: assignByName };
}

/**
 * A topology with the names of tfjs-layers, from tfjs itself, Keras 2 or Keras 3.
 *
 * @throws RangeError for keys like `__proto__`, for nesting deeper than 32 levels, and for parts of Keras 3 that tfjs
 *   lacks
 */
export async function inTfjsNames({ artifacts: { modelTopology }, keras }: Read): Promise<Config> {
  const inside = modelTopology['model_config'] ?? modelTopology;
  const topology = savedData('loadModel', inside);
  if (keras !== null || isKeras3(topology) || namesKerasLayers(topology)) {
    // Only who needs those layers loads their code.
    (await import('./keras-layers/register.ts')).registerKerasLayers();
  }
  try {
    return await converted(fromKeras3(topology, keras));
  } catch (error) {
    throw loadError('the modelTopology', topology, error);
  }
}
