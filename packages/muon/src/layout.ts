import * as tf from '@tensorflow/tfjs-core';
import { show } from '@tfjs-lrm/core';

/** Which axes of a kernel are inputs and which are outputs; the others are a batch of matrices. @inline */
export interface View {
  readonly in: readonly number[];
  readonly out: readonly number[];
}

/** A kernel that holds several matrices side by side along an axis, with the length of each. @inline */
export interface Split {
  readonly axis: number;
  readonly sizes: readonly number[];
}

/** How a kernel is seen as matrices: parts along an axis, each of them [batch, inputs, outputs]. */
export interface Layout {
  readonly axis: number;
  readonly sizes: readonly number[];
  /** The order of the axes that puts batch, inputs and outputs one after the other. */
  readonly order: readonly number[];
  readonly parts: readonly Part[];
  readonly hasView: boolean;
}

interface Part {
  readonly shape: readonly number[];
  readonly batch: number;
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * The layout of a kernel. Without a view the last axis is the outputs and all others together are the inputs:
 * the layout of tfjs' dense kernels [in, out] and convolution kernels [k, k, in, out].
 *
 * @throws RangeError when view or split do not fit the kernel
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
  return { axis, sizes, order: [...batch, ...named], parts, hasView: view !== null };
}

/** Applies `fn` to each matrix of a kernel: [inputs, outputs], or [batch, inputs, outputs] where there are several. */
export function mapMatrices(
  kernel: tf.Tensor,
  { axis, sizes, order, parts }: Layout,
  fn: (matrix: tf.Tensor, part: Part) => tf.Tensor,
): tf.Tensor {
  const inPlace = order.every((from, to) => from === to);
  const back = order.map((_, axis) => order.indexOf(axis));
  const mapped = (sizes.length === 1 ? [kernel] : tf.split(kernel, [...sizes], axis)).map(
    (piece, i) => {
      const part = parts[i] as Part;
      const { shape, batch, inputs, outputs } = part;
      const moved = inPlace ? piece : tf.transpose(piece, [...order]);
      const matrix = tf.reshape(moved, batch === 1 ? [inputs, outputs] : [batch, inputs, outputs]);
      const result = tf.reshape(
        fn(matrix, part),
        order.map((a) => shape[a] as number),
      );
      return inPlace ? result : tf.transpose(result, back);
    },
  );
  return mapped.length === 1 ? (mapped[0] as tf.Tensor) : tf.concat(mapped, axis);
}
