/** Everything that determines the rest of a run, copied to the host from model and optimizer, and restored into them. */

import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { bindState } from '@tfjs-lrm/core';
import { Failure, Mistake } from '@tfjs-lrm/shared';

export interface SavedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** A run between two steps. */
export interface RunState {
  /** Steps done, which equals the batches drawn. */
  readonly step: number;
  /** The state of the generator that draws batches. */
  readonly random: readonly number[];
  /** The latest one, for the status line. */
  readonly validationLoss: number | null;
  readonly weights: readonly SavedTensor[];
  readonly optimizer: readonly SavedTensor[];
}

async function toHost(name: string, tensor: tf.Tensor): Promise<SavedTensor> {
  const { shape, dtype } = tensor;
  return { name, shape, dtype: dtype as SavedTensor['dtype'], values: await tensor.data() };
}

const holdsNumbers = ({ values }: SavedTensor): boolean => {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
};

/** @throws Failure, which names the tensor, where a number is not finite: such a state is never saved */
export async function takeState(
  model: LayersModel,
  optimizer: tf.Optimizer,
  rest: Pick<RunState, 'step' | 'random' | 'validationLoss'>,
): Promise<RunState> {
  const weights = await Promise.all(
    model.weights.map((weight) => toHost(weight.originalName, weight.read())),
  );
  const slots = await Promise.all(
    (await optimizer.getWeights()).map(({ name, tensor }) => toHost(name, tensor)),
  );
  const broken = [...weights, ...slots].find((tensor) => !holdsNumbers(tensor));
  if (broken !== undefined)
    throw new Failure(`after step ${rest.step} "${broken.name}" holds numbers that are not finite`);
  return { ...rest, weights, optimizer: slots };
}

const fromHost = ({ values, shape, dtype }: SavedTensor): tf.Tensor =>
  tf.tensor(values, [...shape], dtype);

/** @throws Mistake, before anything changes, for the state of another model */
export async function putState(
  model: LayersModel,
  optimizer: tf.Optimizer,
  state: RunState,
): Promise<void> {
  const signature = (tensors: readonly { name: string; shape: readonly (number | null)[] }[]) =>
    tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
  const has = signature(state.weights);
  const needs = signature(
    model.weights.map(({ originalName, shape }) => ({ name: originalName, shape })),
  );
  const mismatch = needs.findIndex((weight, i) => weight !== has[i]);
  if (mismatch >= 0 || has.length !== needs.length)
    throw new Mistake(
      `the checkpoint is of another model: it has ${has[Math.max(0, mismatch)] ?? 'no more weights'} where this one has ${needs[Math.max(0, mismatch)]}. Begin anew with another --out.`,
    );
  tf.tidy(() => {
    model.weights.forEach((weight, i) => {
      weight.write(fromHost(state.weights[i] as SavedTensor));
    });
  });
  const saved = state.optimizer.map((tensor) => ({ name: tensor.name, tensor: fromHost(tensor) }));
  await optimizer.setWeights(saved);
  bindState(optimizer, model);
  tf.dispose(saved.map(({ tensor }) => tensor));
}
