/** Models in the files of Keras: `.keras`, and `.h5` of Keras 2 and 3. */

import type { LayersModel } from '@tensorflow/tfjs-layers';
import { preview } from '../load-error.ts';
import { type Config, isObject } from '../saved.ts';
import { type Hdf5, isHdf5, withHdf5 } from './hdf5.ts';
import { isKerasLayer, type KerasLayer } from './kinds.ts';
import { legacyWeights } from './legacy.ts';
import { type SavedWeights, weightsIn } from './saved-weights.ts';
import { slotsOf } from './structure.ts';
import { isZip, unzip } from './zip.ts';

export interface KerasFile {
  readonly topology: KerasLayer;
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

/** A weight, not the state of an optimizer, a metric or a random number generator. */
const isWeight = (path: string): boolean =>
  /^(layers|_layer_checkpoint_dependencies)\//.test(path) && !path.includes('/seed_generator/');

/** The weights in the layout of `model.weights.h5`: by place in the model. */
export function structuredWeights(
  file: Hdf5,
  topology: (model: LayersModel) => KerasLayer,
): SavedWeights {
  const paths = [...file.datasets].filter(isWeight);
  const groups = new Set(file.groups);
  return {
    ...weightsIn(
      file,
      paths.map((path) => [path, path]),
    ),
    assign(model, specs) {
      const slots = slotsOf(topology(model), model, '', (path) => groups.has(path));
      const targets = new Map(slots.map(({ dataset, weight }) => [dataset, weight]));
      return specs.map((spec) => ({ spec, target: targets.get(spec.name) }));
    },
  };
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
    weights: await withHdf5(weights, (file) => structuredWeights(file, () => topology)),
  };
}

function hdf5Of(bytes: Uint8Array): Promise<KerasFile> {
  return withHdf5(bytes, (file): KerasFile => {
    const [config] = file.texts('', 'model_config') ?? [];
    if (config === undefined) {
      const isWeights = file.groups.has('layers') || file.texts('', 'layer_names') !== null;
      throw new RangeError(
        `loadModel: the .h5 file must hold a model. Received ${isWeights ? 'one with weights alone' : 'another HDF5 file'}. ${isWeights ? 'Save the whole model, with model.save of Keras.' : AGAIN}`,
      );
    }
    const topology = topologyIn('model_config', config);
    return {
      topology,
      version: file.texts('', 'keras_version')?.[0] ?? null,
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
