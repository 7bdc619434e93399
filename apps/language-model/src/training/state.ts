/** Everything that determines the rest of a run, copied to the host from model and optimizer, and restored into them. */
import type * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import * as checkpoint from '@tfjs-lrm/checkpoint';
import { Failure, Mistake } from '@tfjs-lrm/shared/portable';

/** Where a run is between two steps. */
interface Position {
  /** Steps done, which equals the batches drawn. */
  readonly step: number;
  /** The state of the generator that draws batches. */
  readonly random: readonly number[];
  /** The latest one, for the status line. */
  readonly validationLoss: number | null;
}

/** A run between two steps. */
export interface RunState extends Position {
  readonly weights: readonly checkpoint.SavedTensor[];
  readonly optimizer: readonly checkpoint.SavedTensor[];
}

/** @throws Failure, which names the tensor, where a number is not finite: such a state is never saved */
export async function takeState(
  model: LayersModel,
  optimizer: tf.Optimizer,
  position: Position,
): Promise<RunState> {
  try {
    const { weights, optimizer: slots } = await checkpoint.takeState({ model, optimizer });
    return { ...position, weights, optimizer: slots ?? [] };
  } catch (error) {
    // What to try follows where it is reported, by the demo's own flags.
    const [reason] = (error as Error).message.split('. ');
    throw new Failure(`after step ${position.step}: ${reason}`);
  }
}

/** @throws Mistake, before anything changes, for the state of another model */
export async function putState(
  model: LayersModel,
  optimizer: tf.Optimizer,
  state: RunState,
): Promise<void> {
  try {
    await checkpoint.putState(state, { model, optimizer });
  } catch (error) {
    throw new Mistake(
      `the checkpoint does not fit: ${(error as Error).message} Or begin anew with another --out.`,
    );
  }
}
