import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, type Rule } from '@tfjs-lrm/core/kit';
import { scaleMatrix } from './scale-matrix.ts';

/** The learnable factors of a kernel; a missing one is all ones. @inline */
interface Factors {
  /** One per output feature: a vector along the row axis. */
  readonly row?: tf.Tensor | undefined;
  /** One per input feature: a vector along the column axis. */
  readonly column?: tf.Tensor | undefined;
  /** One for the whole kernel: a scalar. */
  readonly scalar?: tf.Tensor | undefined;
}

/** Which axes of a kernel the factors run along; negative ones count from the end. */
export interface FactorAxes {
  readonly row: number;
  readonly column: number;
}

const LAST_TWO: FactorAxes = { row: -1, column: -2 };

function isTensor(value: unknown): value is tf.Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value;
}

const ofRank =
  (rank: number): Rule =>
  (value) =>
    isTensor(value) && value.rank === rank && value.dtype === 'float32'
      ? null
      : {
          must: `be a float32 tensor of rank ${rank}`,
          try: rank === 0 ? 'tf.scalar(1)' : 'tf.ones([size])',
        };
const rules = { row: ofRank(1), column: ofRank(1), scalar: ofRank(0) };

type Along = { readonly factor: tf.Tensor; readonly axis: number };

/** The factor and its axis, counted from the front; throws where they do not fit. */
function checkAxis(
  which: 'row' | 'column',
  factor: tf.Tensor,
  kernel: tf.Tensor,
  axis: number,
): Along {
  const { rank, shape } = kernel;
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(
      `multiply: axes.${which} must be a whole number from ${-rank} to ${rank - 1} for a kernel of shape [${shape}]. Received ${axis}. Leave out "${which}", or give axes.`,
    );
  }
  const at = axis < 0 ? axis + rank : axis;
  if (factor.size !== shape[at]) {
    const other = which === 'row' ? 'column' : 'row';
    throw new RangeError(
      `multiply: "${which}" must have shape [${shape[at]}], one factor for each index of axis ${at} of the kernel [${shape}]. Received shape [${factor.shape}]. Try it as "${other}", or give axes.`,
    );
  }
  return { factor, axis: at };
}

/** The factors of all axes but the last as one vector over them: [product of the leading dimensions]. */
function leading(kernel: tf.Tensor, along: readonly Along[]): tf.Tensor | undefined {
  const shape = kernel.shape.slice(0, -1);
  const [first, ...rest] = along;
  if (first === undefined || shape.length === 1) return first?.factor;
  const spread = ({ factor, axis }: Along): tf.Tensor =>
    tf.reshape(
      factor,
      shape.map((size, at) => (at === axis ? size : 1)),
    );
  const all = rest.reduce((product, next) => tf.mul(product, spread(next)), spread(first));
  return tf.reshape(tf.mul(all, tf.ones(shape)), [-1]);
}

/**
 * The effective kernel, with the gradients of the paper's eq. 4: for row factor r over output features i,
 * column factor c over input features j and scalar s,
 *
 *   W_eff[j, i] = s · c[j] · W[j, i] · r[i],   and with G = ∂L/∂W_eff
 *   ∂L/∂W = s · c · r · G,   ∂L/∂r[i] = s · Σ_j c[j]·W·G,   ∂L/∂c[j] = s · Σ_i r[i]·W·G,   ∂L/∂s = Σ c·W·r·G
 *
 * where a kernel of higher rank is summed over all other axes too. Second gradients work.
 *
 * @param kernel W, any rank, e.g. [inputs, outputs] for a dense kernel
 * @param factors row [size of the row axis], column [size of the column axis], scalar []
 * @param axes defaults: the row axis is the last, the column axis the one before
 * @returns a tensor of the kernel's shape; without any factor the kernel itself
 * @throws TypeError for a kernel that is not a float32 tensor; RangeError for an unknown factor, a factor
 *   that does not fit its axis, or an axis that the kernel does not have
 * @see arXiv 2601.04890, sec. 2, eqs. 2–4
 * @example
 * multiply(tf.ones([2, 3]), { row: tf.tensor1d([1, 2, 3]), scalar: tf.scalar(2) }); // rows [2, 4, 6]
 */
export function multiply(
  kernel: tf.Tensor,
  factors: Factors,
  axes?: FactorAxes | undefined,
): tf.Tensor {
  if (!isTensor(kernel) || kernel.dtype !== 'float32') {
    throw new TypeError(
      'multiply: the kernel must be a float32 tensor or variable. Try multiply(layer.getWeights()[0], { row }).',
    );
  }
  checkOptions('multiply', factors, rules);
  const { row, column } = axes ?? LAST_TWO;
  const along = [
    ...(factors.row === undefined ? [] : [checkAxis('row', factors.row, kernel, row)]),
    ...(factors.column === undefined ? [] : [checkAxis('column', factors.column, kernel, column)]),
  ];
  if (along[1] !== undefined && along[0]?.axis === along[1].axis) {
    throw new RangeError(
      `multiply: axes.row and axes.column must differ. Received ${row} and ${column}.`,
    );
  }
  const { scalar } = factors;
  if (along.length === 0 && scalar === undefined) return kernel;
  // In a scope of its own, because tfjs looks for our gradient under the name of the scope first, and that may be the
  // name of a kernel.
  return tf.tidy(() => {
    if (along.length === 0) return tf.mul(kernel, scalar as tf.Tensor);
    const last = kernel.rank - 1;
    let u = leading(
      kernel,
      along.filter(({ axis }) => axis !== last),
    );
    let v = along.find(({ axis }) => axis === last)?.factor;
    // Cheaper on a vector than on the kernel.
    if (scalar !== undefined && v !== undefined) v = tf.mul(v, scalar);
    else if (scalar !== undefined && u !== undefined) u = tf.mul(u, scalar);
    if (kernel.rank === 2) return scaleMatrix(kernel, u, v);
    const matrix = tf.reshape(kernel, [-1, kernel.shape[last] as number]);
    return tf.reshape(scaleMatrix(matrix, u, v), kernel.shape);
  });
}
