import * as tf from '@tensorflow/tfjs-core';
import { kernelAxes, show } from '@tfjs-lrm/core/kit';

/** The axes of a kernel that are inputs and outputs; the remaining axes are a batch of matrices. @inline */
export interface View {
  readonly in: readonly number[];
  readonly out: readonly number[];
}

/** The axis along which a kernel holds several matrices side by side, and the length of each. @inline */
export interface Split {
  readonly axis: number;
  readonly sizes: readonly number[];
}

/** How a kernel divides into matrices: parts along an axis, each [batch, inputs, outputs]. */
export interface Layout {
  readonly axis: number;
  readonly sizes: readonly number[];
  /** The order of the axes that puts batch, inputs and outputs one after the other. */
  readonly order: readonly number[];
  readonly parts: readonly Part[];
}

interface Part {
  readonly shape: readonly number[];
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** The view of a kernel whose outputs are not its last axis, as its layer or its name tells; null for the others. */
export function viewOfKernel(variable: tf.Variable): View | null {
  const { row, column } = kernelAxes(variable);
  const isPlain = row.length === 1 && row[0] === -1;
  if (column.length === 0 || isPlain) return null;
  const out = row.map((axis) => axis + variable.rank);
  const axes = variable.shape.map((_, axis) => axis);
  return { in: axes.filter((axis) => !out.includes(axis)), out };
}

/**
 * The layout of a kernel. Without a view the last axis is the outputs and all others together are the inputs:
 * the layout of tfjs' dense kernels [in, out] and convolution kernels [k, k, in, out].
 *
 * @throws RangeError if view or split does not fit the kernel
 */
export function layoutOf(
  { name, shape }: { name: string; shape: readonly number[] },
  view: View | null,
  split: Split | null,
): Layout {
  const kernel = `"${name}" [${shape.join(', ')}]`;
  const rank = shape.length;
  const axes = shape.map((_, axis) => axis);
  const asAxis = (axis: unknown, option: string): number => {
    const isAxis = Number.isInteger(axis) && (axis as number) >= -rank && (axis as number) < rank;
    if (isAxis) return ((axis as number) + rank) % rank;
    throw new RangeError(
      `muon: "${option}" of ${kernel} must name axes from ${-rank} to ${rank - 1}. Received ${axis}.`,
    );
  };
  if (view !== null && !(Array.isArray(view.in) && Array.isArray(view.out))) {
    throw new RangeError(
      `muon: "view" of ${kernel} must return { in, out } with lists of axes, or null. Received ${show(view)}.`,
    );
  }
  const inputs = view === null ? axes.slice(0, -1) : view.in.map((a) => asAxis(a, 'view'));
  const outputs = view === null ? axes.slice(-1) : view.out.map((a) => asAxis(a, 'view'));
  const named = [...inputs, ...outputs];
  if (inputs.length === 0 || outputs.length === 0 || new Set(named).size < named.length) {
    throw new RangeError(
      `muon: "view" of ${kernel} must name at least one axis in and one out, and none twice. Received in [${inputs}], out [${outputs}]. Try { in: [0], out: [1] }.`,
    );
  }
  const batch = axes.filter((axis) => !named.includes(axis));
  const axis = split === null ? 0 : asAxis(split.axis, 'split');
  const sizes = split === null ? [shape[0] as number] : split.sizes;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== shape[axis]) {
    throw new RangeError(
      `muon: "split" of ${kernel} must have sizes that add up to ${shape[axis]}, the length of axis ${axis}. Received ${sizes.join(' + ')} = ${total}.`,
    );
  }
  const parts = sizes.map((size) => {
    const part = shape.map((length, a) => (a === axis ? size : length));
    const product = (of: readonly number[]): number =>
      of.reduce((total, a) => total * (part[a] as number), 1);
    return {
      shape: part,
      batch: product(batch),
      inputs: product(inputs),
      outputs: product(outputs),
    };
  });
  return { axis, sizes, order: [...batch, ...named], parts };
}

/** The matrices of a kernel, one for each part: [inputs, outputs], or [batch, inputs, outputs] where there are several. */
export function matricesOf(
  kernel: tf.Tensor,
  { axis, sizes, order, parts }: Layout,
): readonly tf.Tensor[] {
  const pieces = sizes.length === 1 ? [kernel] : tf.split(kernel, [...sizes], axis);
  return pieces.map((piece, i) => {
    const { batch, inputs, outputs } = parts[i] as Part;
    const moved = isInPlace(order) ? piece : tf.transpose(piece, [...order]);
    return tf.reshape(moved, batch === 1 ? [inputs, outputs] : [batch, inputs, outputs]);
  });
}

/** The kernel that consists of these matrices; the inverse of `matricesOf`. */
export function kernelOf(
  matrices: readonly tf.Tensor[],
  { axis, order, parts }: Layout,
): tf.Tensor {
  const back = order.map((_, at) => order.indexOf(at));
  const pieces = matrices.map((matrix, i) => {
    const { shape } = parts[i] as Part;
    const moved = tf.reshape(
      matrix,
      order.map((a) => shape[a] as number),
    );
    return isInPlace(order) ? moved : tf.transpose(moved, back);
  });
  return pieces.length === 1 ? (pieces[0] as tf.Tensor) : tf.concat(pieces, axis);
}

const isInPlace = (order: readonly number[]): boolean => order.every((from, to) => from === to);
