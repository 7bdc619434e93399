/** Reads a saved model from any source that tfjs can load. */
import * as tf from '@tensorflow/tfjs-core';
import { savedData, show } from '@tfjs-lrm/core/kit';
import { converted } from './internals.ts';
import { fromKeras3 } from './keras3.ts';
import { loadError, preview, readError } from './load-error.ts';
import type { Config } from './saved.ts';

type Artifacts = tf.io.ModelArtifacts;

/** A fetch that fails where a server does not have the file: tfjs takes the error page for weights. */
function checkedFetch(fetchFunc: NonNullable<tf.io.LoadOptions['fetchFunc']>): typeof fetchFunc {
  return async (path, init) => {
    const response = await fetchFunc(path, init);
    if (response.status < 400) return response;
    throw new Error(`${String(path)} was answered with status ${response.status}.`);
  };
}

function handlerOf(source: string | tf.io.IOHandler, options: tf.io.LoadOptions): tf.io.IOHandler {
  if (typeof source !== 'string') {
    if (typeof source?.load === 'function') return source;
    throw new TypeError(
      `loadModel: the source must be a URL or a handler that loads. Received ${show(source)}. Try tf.io.fromMemory({ modelTopology, weightSpecs, weightData }).`,
    );
  }
  const { fetchFunc = tf.util.fetch } = options;
  const checked = { ...options, fetchFunc: checkedFetch(fetchFunc as typeof fetch) };
  const [handler, ...others] = tf.io.getLoadHandlers(source, checked);
  if (others.length === 0) return handler ?? tf.io.browserHTTPRequest(source, checked);
  throw new RangeError(
    `loadModel: the source must have one handler. Received ${show(source)}, for which ${others.length + 1} are registered. Give the handler itself.`,
  );
}

/**
 * What tfjs loads from a source: a topology, and either weights with their data or neither.
 *
 * @throws TypeError for anything else; Error for a source that fails, with its error as the cause
 */
export async function read(
  source: string | tf.io.IOHandler,
  options: tf.io.LoadOptions,
): Promise<Artifacts & { modelTopology: Config }> {
  const handler = handlerOf(source, options);
  let artifacts: Artifacts | null;
  try {
    artifacts = (await handler.load?.()) ?? null;
  } catch (error) {
    throw readError(error);
  }
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
  return artifacts as Artifacts & { modelTopology: Config };
}

/**
 * A topology with the names of tfjs-layers, from tfjs itself, Keras 2 or Keras 3.
 *
 * @throws RangeError for keys like `__proto__`, for nesting deeper than 32 levels, and for parts of Keras 3 that tfjs
 *   lacks
 */
export async function inTfjsNames(modelTopology: Config): Promise<Config> {
  const inside = modelTopology['model_config'] ?? modelTopology;
  const topology = savedData('loadModel', inside);
  try {
    return await converted(fromKeras3(topology));
  } catch (error) {
    throw loadError('the modelTopology', topology, error);
  }
}
