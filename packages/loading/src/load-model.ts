import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { checkOptions, savedData, undoable } from '@tfjs-lrm/core/kit';
import { buildChecked } from './build-checked.ts';
import { checkTopology } from './check-topology.ts';
import { checkSpecs, isSlot, sizeOf } from './check-weights.ts';
import { fillWeights } from './fill-weights.ts';
import type { KerasLayer } from './keras/kinds.ts';
import { explained, loadError } from './load-error.ts';
import { type LoadModelOptions, RULES } from './options.ts';
import { inTfjsNames, type ReadModel, readModel, savedModel } from './read-model.ts';
import type { Saved } from './saved.ts';
import type { ModelSource } from './source.ts';
import { buffersOf } from './weight-data.ts';

type Spec = tf.io.WeightsManifestEntry;

/** The state of the optimizer. */
interface Slot {
  readonly name: string;
  readonly tensor: tf.Tensor;
}

interface Built {
  readonly model: LayersModel;
  readonly slots: readonly Slot[];
}

/** The model of what was read, built in the same order as by tfjs, and without a pause. */
function build(topology: Saved, whole: ReadModel, strict: boolean): Built {
  const { artifacts, assign } = whole;
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
  const assignment = assign(savedModel(whole) as KerasLayer, model, weights);
  const values = fillWeights(model, all, buffers, assignment, strict);
  const isKept = model.optimizer != null;
  const slots = all.filter((spec) => isKept && isSlot(spec)).map(({ name }) => name);
  tf.dispose(all.filter(({ name }) => !slots.includes(name)).map(({ name }) => values[name]));
  return { model, slots: slots.map((name) => ({ name, tensor: values[name] as tf.Tensor })) };
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
  source: ModelSource,
  options: LoadModelOptions = {},
): Promise<LayersModel> {
  checkOptions('loadModel', options, RULES);
  const saved = await readModel(source, options);
  const topology: unknown = await inTfjsNames(saved);
  checkTopology(topology);
  const { strict = true } = options;
  const [{ model, slots }, undo] = undoable(() => build(topology, saved, strict));
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
