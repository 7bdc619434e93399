/** Reads a saved model from any source that tfjs can load. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { savedData, show } from '@tfjs-lrm/core/kit';
import { type Assignment, assignByName } from './assignment.ts';
import { converted } from './internals.ts';
import type { KerasLayer } from './keras/kinds.ts';
import { namesKerasLayers } from './keras-layers/names.ts';
import { fromKeras3, isKeras3 } from './keras3.ts';
import { loadError, preview, readError } from './load-error.ts';
import { isLocal } from './local-files.ts';
import { localHandler } from './local-handler.ts';
import type { Config } from './saved.ts';
import { bytesOf, checkSource, fetchOf, type ModelSource } from './source.ts';
import { weightAddresses } from './weight-addresses.ts';
import { chunksOf } from './weight-data.ts';

type Artifacts = tf.io.ModelArtifacts;
type Spec = tf.io.WeightsManifestEntry;

/** What was read from a source. */
export interface Read {
  readonly artifacts: Artifacts;
  /** The version of Keras that wrote it, where it is a file of Keras, or `keras` where that does not say. */
  readonly keras: string | null;
  /**
   * The weight of a model for each saved one.
   *
   * @param saved the model in the form of Keras
   */
  assign(saved: KerasLayer, model: LayersModel, specs: readonly Spec[]): Assignment;
}

/** What was read where there is a topology. */
export interface ReadModel extends Read {
  readonly artifacts: Artifacts & { readonly modelTopology: Config };
}

function handlerOf(source: string | tf.io.IOHandler, options: tf.io.LoadOptions): tf.io.IOHandler {
  if (typeof source !== 'string') return source;
  if (isLocal(source)) return localHandler(source, options);
  const checked = {
    ...options,
    fetchFunc: fetchOf(options),
    weightUrlConverter: weightAddresses(source, options),
  };
  const [handler, ...others] = tf.io.getLoadHandlers(source, checked);
  if (others.length === 0) return handler ?? tf.io.browserHTTPRequest(source, checked);
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
      ...(topology === null ? {} : { modelTopology: topology as unknown as Config }),
      weightSpecs: [...weights.specs],
      weightData: [...weights.data],
    },
    keras: version ?? 'keras',
    assign: weights.assign,
  };
}

/** Weights that come as a stream, as of `tf.io.http(url, { streamWeights: true })`, as a list of its chunks. */
async function withoutStream(artifacts: Artifacts): Promise<Artifacts> {
  const { weightData, getWeightStream } = artifacts;
  if (weightData != null || getWeightStream === undefined) return artifacts;
  return { ...artifacts, weightData: await chunksOf(getWeightStream()) };
}

function checkWeights(artifacts: Artifacts): void {
  const { weightData, weightSpecs } = artifacts;
  const { weightsManifest } = artifacts as { weightsManifest?: unknown };
  if (weightData == null && (weightSpecs ?? weightsManifest) != null) {
    throw new TypeError(
      'loadModel: the file describes weights, and there is no data for them. Give weightSpecs and weightData; for initial weights leave both out.',
    );
  }
}

async function orReadError<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw readError(error);
  }
}

/** How weights find theirs: by name, or by place where they are named so. */
async function assignerOf({ weightSpecs }: Artifacts): Promise<Read['assign']> {
  const specs: unknown = weightSpecs;
  if (!Array.isArray(specs)) return (_, model, all) => assignByName(model, all);
  const { areStructured, assignByPlace, groupsAround } = await import('./keras/structured.ts');
  if (!areStructured(specs)) return (_, model, all) => assignByName(model, all);
  const groups = groupsAround(specs.map(({ name }: Spec) => name));
  return (saved, model, all) => assignByPlace(saved, model, all, groups);
}

/**
 * What a source holds: a topology or none, and either weights with their data or neither.
 *
 * @throws TypeError for anything else; Error for a source that fails, with its error as the cause
 */
export async function read(source: ModelSource, options: tf.io.LoadOptions): Promise<Read> {
  checkSource(source);
  const bytes = await orReadError(() => bytesOf(source, options));
  if (bytes != null) return await fromKeras(bytes);
  const handler = handlerOf(source as string | tf.io.IOHandler, options);
  const artifacts = await orReadError(async () => withoutStream((await handler.load?.()) ?? {}));
  checkWeights(artifacts);
  return { artifacts, keras: null, assign: await assignerOf(artifacts) };
}

/**
 * What a source holds that must have a topology.
 *
 * @throws what `read` throws; TypeError for a source without the topology of a model of layers
 */
export async function readModel(
  source: ModelSource,
  options: tf.io.LoadOptions,
): Promise<ReadModel> {
  const whole = await read(source, options);
  const { modelTopology, format } = whole.artifacts;
  const topology = modelTopology as Config | null | undefined;
  if (
    format === 'graph-model' ||
    (typeof topology === 'object' && Array.isArray(topology?.['node']))
  ) {
    throw new TypeError(
      'loadModel: the file must hold a model of layers. Received a graph model. Try tf.loadGraphModel.',
    );
  }
  if (topology == null && whole.keras !== null) {
    throw new RangeError(
      'loadModel: the .h5 file must hold a model. Received one with weights alone. Build the model and try loadWeights(model, file), or save the whole model, with model.save of Keras.',
    );
  }
  if (typeof topology !== 'object' || topology === null || Array.isArray(topology)) {
    throw new TypeError(
      `loadModel: the file must hold a modelTopology. Received ${preview(topology)}. Try what model.save writes.`,
    );
  }
  return whole as ReadModel;
}

/** The model as it was saved, in the form of tfjs or Keras. */
export const savedModel = ({ artifacts: { modelTopology } }: ReadModel): unknown =>
  modelTopology['model_config'] ?? modelTopology;

/**
 * A topology with the names of tfjs-layers, from tfjs itself, Keras 2 or Keras 3.
 *
 * @throws RangeError for keys like `__proto__`, for nesting deeper than 32 levels, and for parts of Keras 3 that tfjs
 *   lacks
 */
export async function inTfjsNames(whole: ReadModel): Promise<Config> {
  const { keras } = whole;
  const topology = savedData('loadModel', savedModel(whole));
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
