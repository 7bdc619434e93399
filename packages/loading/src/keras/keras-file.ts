/** Models in the files of Keras: `.keras`, and `.h5` of Keras 2 and 3. */

import { preview } from '../load-error.ts';
import { type Config, isObject } from '../saved.ts';
import { type Hdf5, isHdf5, withHdf5 } from './hdf5.ts';
import { isKerasLayer, type KerasLayer } from './kinds.ts';
import { legacyWeights } from './legacy.ts';
import type { SavedWeights } from './saved-weights.ts';
import { structuredWeights } from './structured.ts';
import { isZip, unzip } from './zip.ts';

export interface KerasFile {
  /** Null where the file holds weights alone. */
  readonly topology: KerasLayer | null;
  /** The version of Keras that wrote it, such as `3.15.1`; null where the file does not say. */
  readonly version: string | null;
  readonly weights: SavedWeights;
}

const [CONFIG, METADATA, WEIGHTS] = ['config.json', 'metadata.json', 'model.weights.h5'] as const;

const AGAIN = 'Save the model again with model.save of Keras.';

function objectIn(what: string, text: string): Config {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`loadModel: ${what} must be JSON. Received ${preview(text)}. ${AGAIN}`, {
      cause,
    });
  }
  if (isObject(value)) return value;
  throw new TypeError(`loadModel: ${what} must be an object. Received ${preview(value)}. ${AGAIN}`);
}

function topologyIn(what: string, text: string): KerasLayer {
  const topology = objectIn(what, text);
  if (isKerasLayer(topology)) return topology;
  throw new TypeError(
    `loadModel: ${what} must be { class_name, config }. Received ${preview(topology)}. ${AGAIN}`,
  );
}

async function archiveOf(bytes: Uint8Array): Promise<KerasFile> {
  const entries = unzip(bytes, [CONFIG, METADATA, WEIGHTS]);
  const text = (name: string): string | null => {
    const entry = entries.get(name);
    return entry === undefined ? null : new TextDecoder().decode(entry);
  };
  const [config, weights] = [text(CONFIG), entries.get(WEIGHTS)];
  if (config === null || weights === undefined) {
    throw new RangeError(
      `loadModel: the .keras file must hold ${CONFIG} and ${WEIGHTS}. Received one without ${preview(config === null ? CONFIG : WEIGHTS)}. ${AGAIN}`,
    );
  }
  const topology = topologyIn(CONFIG, config);
  const metadata = objectIn(METADATA, text(METADATA) ?? '{}');
  const version = metadata['keras_version'];
  return {
    topology,
    version: typeof version === 'string' ? version : null,
    weights: await withHdf5(weights, structuredWeights),
  };
}

/** The weights of a file that `save_weights` wrote, of Keras 3 or Keras 2. */
function weightsAlone(file: Hdf5): SavedWeights {
  if (file.groups.has('layers')) return structuredWeights(file);
  if (file.texts('', 'layer_names') !== null) return legacyWeights(file, '');
  throw new RangeError(
    `loadModel: the .h5 file must hold a model, or weights. Received another HDF5 file. ${AGAIN}`,
  );
}

function hdf5Of(bytes: Uint8Array): Promise<KerasFile> {
  return withHdf5(bytes, (file): KerasFile => {
    const [config] = file.texts('', 'model_config') ?? [];
    const version = file.texts('', 'keras_version')?.[0] ?? null;
    if (config === undefined) return { topology: null, version, weights: weightsAlone(file) };
    return {
      topology: topologyIn('model_config', config),
      version,
      weights: legacyWeights(file, 'model_weights'),
    };
  });
}

/**
 * The contents of a file of Keras.
 *
 * @throws TypeError, RangeError for a file of another format, or a damaged one; Error where h5wasm is not installed
 */
export async function readKerasFile(bytes: Uint8Array): Promise<KerasFile> {
  if (isZip(bytes)) return await archiveOf(bytes);
  if (isHdf5(bytes)) return await hdf5Of(bytes);
  const beginning = new TextDecoder().decode(bytes.subarray(0, 40));
  throw new TypeError(
    `loadModel: the file must be a .keras or .h5 file. Received ${bytes.length} bytes that begin with ${preview(beginning)}. ${/^\s*[{[]/.test(beginning) ? 'For a model.json give its URL, or a handler such as tf.io.browserFiles(files).' : 'Check that it was copied whole, and not as text.'}`,
  );
}
