import { type DataType, engine, type Tensor } from '@tensorflow/tfjs-core';

/** What remains of an input that was not saved; the tensor itself may be disposed by now. */
interface InputInfo {
  readonly shape: number[];
  readonly dtype: DataType;
  readonly size: number;
  readonly rank: number;
}

/**
 * The inputs of the operation that saved `saved`, by name, for gradients that need no more than their shapes: an input
 * that is saved is copied by a kernel in every forward pass, and its memory is kept until the backward pass.
 */
export function inputsOf(saved: readonly Tensor[]): Readonly<Record<string, InputInfo>> {
  // Each operation has a list of its own, even where it saves nothing.
  const node = engine().state.activeTape?.findLast((node) => node.saved === saved);
  if (node === undefined)
    throw new Error(
      'kernels: the gradient of an operation must be computed by tfjs, from its tape. Received a gradient function called by itself. Try tf.grad, tf.grads or tf.variableGrads.',
    );
  return node.inputs;
}
