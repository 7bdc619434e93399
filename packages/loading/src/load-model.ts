import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import {
  anyRule,
  booleanRule,
  checkOptions,
  type Rule,
  savedData,
  undoable,
} from '@tfjs-lrm/core/kit';
import { buildChecked } from './build-checked.ts';
import { checkTopology } from './check-topology.ts';
import { checkNeeds, checkSpecs, isSlot, sizeOf } from './check-weights.ts';
import { explained, loadError } from './load-error.ts';
import { inTfjsNames, read } from './read-model.ts';
import type { Saved } from './saved.ts';
import { buffersOf } from './weight-data.ts';
import { inModelNames } from './weight-names.ts';

/** How a model is loaded: the options of `tf.loadLayersModel`. */
export type LoadModelOptions = tf.io.LoadOptions;

type Artifacts = tf.io.ModelArtifacts;
type Spec = tf.io.WeightsManifestEntry;

const isFunction: Rule = (value) =>
  typeof value === 'function' ? null : { must: 'be a function', try: '(fraction) => {}' };

const RULES: Readonly<Record<keyof Required<LoadModelOptions>, Rule>> = {
  strict: booleanRule(true),
  onProgress: isFunction,
  fetchFunc: isFunction,
  weightUrlConverter: isFunction,
  requestInit: anyRule,
  weightPathPrefix: anyRule,
  fromTFHub: anyRule,
  streamWeights: anyRule,
};

/** The state of the optimizer. */
interface Slot {
  readonly name: string;
  readonly tensor: tf.Tensor;
}

interface Built {
  readonly model: LayersModel;
  readonly slots: readonly Slot[];
}

/** Fills a model with the values in a file and returns those of its optimizer. */
function fill(model: LayersModel, buffers: ArrayBuffer[], specs: Spec[], strict: boolean): Slot[] {
  const values = explained('the weights', specs, () => tf.io.decodeWeights(buffers, specs));
  const named = specs.map((spec) => ({
    spec,
    name: spec.name,
    tensor: values[spec.name] as tf.Tensor,
  }));
  const weights = named.filter(({ spec }) => !isSlot(spec));
  const slots = named.filter(({ spec }) => isSlot(spec));
  const byName = Object.fromEntries(weights.map(({ name, tensor }) => [name, tensor]));
  explained('the weights', specs, () => model.loadWeights(byName, strict));
  tf.dispose(weights.map(({ tensor }) => tensor));
  if (model.optimizer != null) return slots.map(({ name, tensor }) => ({ name, tensor }));
  tf.dispose(slots.map(({ tensor }) => tensor));
  return [];
}

/** The model of checked artifacts, built in the same order as by tfjs, and without a pause. */
function build(topology: Saved, artifacts: Artifacts, strict: boolean): Built {
  const { weightData, trainingConfig, userDefinedMetadata } = artifacts;
  const buffers = weightData == null ? null : buffersOf(weightData);
  const specs: unknown = artifacts.weightSpecs;
  if (buffers !== null) checkSpecs(specs, buffers, strict);
  const all = (specs ?? []) as Spec[];
  const weights = all.filter((spec) => !isSlot(spec));
  const isFilled = buffers !== null && strict;
  const most = isFilled ? weights.reduce((sum, spec) => sum + sizeOf(spec), 0) : Infinity;
  const model = buildChecked(topology, most, isFilled);
  if (trainingConfig != null) {
    explained('the training configuration', trainingConfig, () => {
      savedData('loadModel', trainingConfig);
      model.loadTrainingConfig(trainingConfig as Parameters<typeof model.loadTrainingConfig>[0]);
    });
  }
  if (userDefinedMetadata != null) {
    explained('the userDefinedMetadata', userDefinedMetadata, () =>
      model.setUserDefinedMetadata(userDefinedMetadata),
    );
  }
  if (buffers === null) return { model, slots: [] };
  const named = inModelNames(model, weights);
  checkNeeds(model, named, strict);
  const names = new Map(weights.map((spec, i) => [spec, named[i] as Spec]));
  const inOrder = all.map((spec) => names.get(spec) ?? spec);
  return { model, slots: fill(model, buffers, inOrder, strict) };
}

/**
 * Loads a model of layers as `tf.loadLayersModel` does, but checks the file first: the result is the same model, with
 * the same weights, training configuration, optimizer state and metadata. A damaged file is soon rejected with an error
 * that names the layer or the weight, and nothing remains of it: no tensor, no variable. `tf.loadLayersModel` leaves
 * behind what it had created, and never finishes where a layer takes an output that is not in the file.
 *
 * The file is checked for its form, unregistered classes, names used twice, calls without inputs, keys like
 * `__proto__`, nesting deeper than 32 levels, weights that are missing, superfluous, of the wrong shape or larger than
 * the file, and truncated data. Time and memory are linear in the size of the file.
 *
 * @param source a URL, or a handler such as `tf.io.browserFiles(files)`
 * @param options as of `tf.loadLayersModel`: with `strict: false`, true by default, weights may be missing, and then
 *   keep their initial values, or superfluous, and then are ignored
 * @returns the model; dispose of it, and of its optimizer if the file has one, as after `tf.loadLayersModel`
 * @throws TypeError for something that does not have the form of a model; RangeError for impossible values; Error for a
 *   layer, an optimizer or a source that fails by itself, with its error as the cause
 * @example
 * const loaded = await loadModel(tf.io.fromMemory({ modelTopology: model.toJSON(null, false) }));
 */
export async function loadModel(
  source: string | tf.io.IOHandler,
  options: LoadModelOptions = {},
): Promise<LayersModel> {
  checkOptions('loadModel', options, RULES);
  const artifacts = await read(source, options);
  const topology: unknown = await inTfjsNames(artifacts.modelTopology);
  checkTopology(topology);
  const { strict = true } = options;
  const [{ model, slots }, undo] = undoable(() => build(topology, artifacts, strict));
  if (slots.length === 0) return model;
  try {
    await model.optimizer.setWeights([...slots]);
  } catch (error) {
    model.optimizer.dispose();
    undo();
    throw loadError(
      'the state of the optimizer',
      slots.map(({ name }) => name),
      error,
    );
  }
  tf.dispose(slots.map(({ tensor }) => tensor));
  return model;
}
