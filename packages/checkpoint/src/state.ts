/** The state of training, copied from a model and optimizer to the host, and restored into them. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { asTensorOptimizer, bindState } from '@tfjs-lrm/core';
import { checkModel } from '@tfjs-lrm/core/kit';
import type { SavedTensor, TrainingState } from './content.ts';
import { type Pair, pairs, renamed } from './pairs.ts';

/** A model and the optimizer that trains it. */
export interface Trained {
  readonly model: LayersModel;
  /** The outermost optimizer; without it only the weights are saved and loaded. */
  readonly optimizer?: tf.Optimizer | undefined;
}

type Named = { readonly name: string; readonly tensor: tf.Tensor };

async function toHost({ name, tensor }: Named): Promise<SavedTensor> {
  const { shape, dtype } = tensor;
  return { name, shape, dtype: dtype as SavedTensor['dtype'], values: await tensor.data() };
}

const holdsNumbers = ({ values }: SavedTensor): boolean => {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
};

export function checkTrained(where: string, trained: Trained | null | undefined): void {
  checkModel(where, trained?.model, `${where}(…, { model, optimizer })`);
  if (trained.optimizer !== undefined) asTensorOptimizer(trained.optimizer);
}

/**
 * Copies everything that a model and its optimizer hold to the host, all from the same moment: for a worker or process
 * that trains while another one writes. `saveCheckpoint` calls it.
 *
 * @throws Error naming the tensor, where a number is not finite: a run cannot continue from such a state
 * @example
 * const state = await takeState({ model, optimizer });
 * await putState(state, { model, optimizer });
 */
export async function takeState(trained: Trained): Promise<TrainingState> {
  checkTrained('takeState', trained);
  const { model, optimizer } = trained;
  const slots = optimizer === undefined ? null : await asTensorOptimizer(optimizer).getWeights();
  const weights = model.weights.map((weight) => ({
    name: weight.originalName,
    tensor: weight.read(),
  }));
  // All are requested at once, so that no step comes between two of them.
  const tensors = await Promise.all([...weights, ...(slots ?? [])].map(toHost));
  const broken = tensors.find((tensor) => !holdsNumbers(tensor));
  if (broken !== undefined)
    throw new Error(
      `takeState: "${broken.name}" holds numbers that are not finite. The checkpoints before are as they were. Try to go on from the last one with a lower learning rate.`,
    );
  return {
    weights: tensors.slice(0, weights.length),
    optimizer: slots && tensors.slice(weights.length),
  };
}

const toTensor = ({ values, shape, dtype }: SavedTensor): tf.Tensor =>
  tf.tensor(values, [...shape], dtype);

/** Gives the optimizer its state, bound to the model; throws and leaves it unchanged if that fails. */
async function restore(
  optimizer: tf.Optimizer,
  model: LayersModel,
  saved: readonly SavedTensor[],
): Promise<void> {
  const root = asTensorOptimizer(optimizer);
  const set = async (tensors: readonly SavedTensor[]): Promise<void> => {
    const named = tensors.map((each) => ({ name: each.name, tensor: toTensor(each) }));
    try {
      await root.setWeights(named);
      bindState(root, model);
    } finally {
      tf.dispose(named.map(({ tensor }) => tensor));
    }
  };
  const before = await Promise.all((await root.getWeights()).map(toHost));
  try {
    await set(saved);
  } catch (error) {
    await set(before);
    throw error;
  }
}

/**
 * Restores what `takeState` returned into a model and its optimizer, in this process or another. The optimizer's state
 * is bound to the model's variables at once (`bindState`).
 *
 * Weights are paired by name. Where the names differ only in the numbers that tfjs adds to layers without a name, they
 * are paired in the model's order.
 *
 * @throws Error, before anything changes, for the state of another model or another optimizer, naming what does not fit
 * @example
 * const state = await takeState({ model, optimizer });
 * await putState(state, { model, optimizer });
 */
export async function putState(state: TrainingState, trained: Trained): Promise<void> {
  checkTrained('putState', trained);
  const { model, optimizer } = trained;
  const couples: readonly Pair[] = pairs(state.weights, model);
  if (optimizer !== undefined) {
    if (state.optimizer === null)
      throw new Error(
        'putState: the state is of a model without its optimizer. Leave "optimizer" out to load the weights alone.',
      );
    await restore(optimizer, model, renamed(state.optimizer, couples));
  }
  tf.tidy(() => {
    for (const { weight, saved } of couples) weight.write(toTensor(saved));
  });
}
