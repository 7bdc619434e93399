import { type DataType, engine, type Tensor } from '@tensorflow/tfjs-core';

/** What remains of an input that was not saved; the tensor itself may be disposed by now. */
interface InputInfo {
  readonly shape: number[];
  readonly dtype: DataType;
  readonly size: number;
  readonly rank: number;
}

type Inputs = Readonly<Record<string, InputInfo>>;

/** By what an operation saved: each has a list of its own, even where it saves nothing. */
const known = new WeakMap<readonly Tensor[], Inputs>();

/**
 * The inputs of the operation that saved `saved`, by name, for gradients that need no more than their shapes: an input
 * that is saved is copied by a kernel in every forward pass, and its memory is kept until the backward pass.
 */
export function inputsOf(saved: readonly Tensor[]): Inputs {
  // The whole tape at once: a search for each operation would grow with the square of their number.
  if (!known.has(saved))
    for (const { inputs, saved: ofNode } of engine().state.activeTape ?? [])
      if (ofNode !== undefined) known.set(ofNode, inputs);
  const inputs = known.get(saved);
  if (inputs === undefined)
    throw new Error(
      'kernels: the gradient of an operation must be computed by tfjs, from its tape. Received a gradient function called by itself. Try tf.grad, tf.grads or tf.variableGrads.',
    );
  return inputs;
}
