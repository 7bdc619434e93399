import type * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';

/** What a layer remembers of the steps before. */
export interface StepState {
  /** How many steps came before. */
  readonly position: number;
  readonly tensors: readonly tf.Tensor[];
}

/** A layer whose output at a step depends on steps before, which it can remember. */
export interface SteppingLayer extends layers.Layer {
  /**
   * The output for the next steps of the sequences.
   *
   * @param inputs as in `call`, [batch, time, …], of the next steps alone
   * @param state what an earlier call gave, or null at the beginning; it stays as it is
   */
  step(
    inputs: tf.Tensor[],
    state: StepState | null,
  ): { readonly output: tf.Tensor; readonly state: StepState };
}

/** Whether a layer can continue from remembered state. */
export function isStepping(layer: layers.Layer): layer is SteppingLayer {
  return typeof (layer as Partial<SteppingLayer>).step === 'function';
}
