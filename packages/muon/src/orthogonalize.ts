import * as tf from '@tensorflow/tfjs-core';
import { isHalfPrecision } from '@tfjs-lrm/core';
import { checkOptions, dividedByLargest, show } from '@tfjs-lrm/core/kit';
import {
  type Coefficients,
  coefficientsRule,
  type Iteration,
  iterationOf,
  type Preset,
} from './coefficients.ts';

/** @inline */
interface OrthogonalizeOptions {
  /** The iteration: a preset or custom tuples. */
  readonly coefficients?: Preset | Coefficients | undefined;
}

/**
 * Brings the singular values of a matrix close to 1 and keeps its singular vectors: with X = U·diag(s)·Vᵀ,
 *
 *   X ← X / (‖X‖_F · (1 + safety)),   then for each (a, b, c):   X ← a·X + b·X·XᵀX + c·X·(XᵀX)²
 *
 * which is U·diag(f(s))·Vᵀ with f the composition of s ↦ a·s + b·s³ + c·s⁵. How close to 1 depends on the
 * coefficients; singular values below about 1e-3 of the norm stay smaller. The Gram matrix is that of the
 * smaller side. The scale of the matrix does not matter, from 1e-30 to 1e30, and zero gives zero.
 *
 * @param matrix [..., rows, columns], float32; leading axes are a batch of matrices
 * @param options coefficients: a preset ('quintic') or tuples
 * @returns a tensor of the same shape
 * @throws TypeError for something that is not a float32 tensor of rank 2 or more; RangeError for wrong options
 * @see Jordan et al., Muon, 2024; Bernstein and Newhouse, 2024 (arXiv 2409.20325)
 * @example
 * orthogonalize(tf.randomNormal([4, 6]), { coefficients: 'polar-express-8' });
 */
export function orthogonalize(matrix: tf.Tensor, options: OrthogonalizeOptions = {}): tf.Tensor {
  checkOptions('orthogonalize', options, { coefficients: coefficientsRule });
  if (!(matrix instanceof tf.Tensor) || matrix.rank < 2 || matrix.dtype !== 'float32') {
    throw new TypeError(
      `orthogonalize: the matrix must be a float32 tensor of rank 2 or more. Received ${
        matrix instanceof tf.Tensor
          ? `${matrix.dtype} of shape [${matrix.shape.join(', ')}]`
          : show(matrix)
      }.`,
    );
  }
  return orthogonalizeBy(matrix, iterationOf(options.coefficients ?? 'quintic'));
}

/** `orthogonalize`, for an iteration that is already checked. */
export function orthogonalizeBy(matrix: tf.Tensor, iteration: Iteration): tf.Tensor {
  if (matrix.size === 0) return tf.clone(matrix);
  if (matrix.rank === 2 || !isSlowInBatches()) return tf.tidy(() => iterate(matrix, iteration));
  return tf.tidy(() => {
    const batch = tf.reshape(matrix, [-1, ...matrix.shape.slice(-2)]);
    const each = tf.unstack(batch).map((one) => orthogonalizeBy(one, iteration));
    return tf.reshape(tf.stack(each), matrix.shape);
  });
}

/** wasm multiplies a batch in a scalar loop, several times slower than its matrices one by one. */
const isSlowInBatches = (): boolean => tf.getBackend() === 'wasm';

/**
 * Each matrix, or batch of matrices, orthogonalised. Where batches are fast, all matrices with the same pair of sides,
 * in either order, go through the iteration as one batch: a small product takes TensorFlow longer to start than to
 * compute.
 *
 * @param matrices [inputs, outputs] or [batch, inputs, outputs] each
 */
export function orthogonalizeEach(
  matrices: readonly tf.Tensor[],
  iteration: Iteration,
): tf.Tensor[] {
  if (isSlowInBatches()) return matrices.map((matrix) => orthogonalizeBy(matrix, iteration));
  const groups = new Map<string, number[]>();
  matrices.forEach(({ shape }, i) => {
    const key = String(shape.slice(-2).sort((a, b) => b - a));
    groups.set(key, [...(groups.get(key) ?? []), i]);
  });
  const results: tf.Tensor[] = [];
  for (const members of groups.values()) {
    const group = members.map((i) => matrices[i] as tf.Tensor);
    for (const [i, result] of together(group, iteration).entries()) {
      results[members[i] as number] = result;
    }
  }
  return results;
}

/** Matrices of equal sides, stacked with the longer side first. */
function together(matrices: readonly tf.Tensor[], iteration: Iteration): tf.Tensor[] {
  if (matrices.length === 1) return matrices.map((matrix) => orthogonalizeBy(matrix, iteration));
  return tf.tidy(() => {
    const tall = matrices.map((matrix) => {
      const upright = isWide(matrix) ? transpose(matrix) : matrix;
      return tf.reshape(upright, [-1, ...upright.shape.slice(-2)]);
    });
    const stacked = orthogonalizeBy(tf.concat(tall, 0), iteration);
    const sizes = tall.map(({ shape }) => shape[0] as number);
    return tf.split(stacked, sizes, 0).map((each, i) => {
      const matrix = matrices[i] as tf.Tensor;
      if (!isWide(matrix)) return tf.reshape(each, matrix.shape);
      return tf.reshape(transpose(each), matrix.shape);
    });
  });
}

const isWide = ({ shape }: tf.Tensor): boolean =>
  (shape.at(-2) as number) < (shape.at(-1) as number);

/** Brings the Frobenius norm to 1 / (1 + safety); zero stays zero. */
function normalize(matrix: tf.Tensor, safety: number): tf.Tensor {
  const [rows, columns] = matrix.shape.slice(-2) as [number, number];
  const { quotient } = dividedByLargest(matrix, [-2, -1]);
  // From the mean, because half precision cannot hold the sum.
  const rms = tf.sqrt(tf.mean(tf.square(quotient), [-2, -1], true));
  const norm = tf.mul(rms, Math.sqrt(rows * columns) * (1 + safety));
  // At least 1, because the largest element is 1, unless all are 0.
  return tf.div(quotient, tf.maximum(norm, 1));
}

function iterate(matrix: tf.Tensor, { tuples, safety }: Iteration): tf.Tensor {
  let x = normalize(isWide(matrix) ? transpose(matrix) : matrix, safety); // [..., longer, shorter]
  if (isLong(x) && !isHalfPrecision()) {
    for (let i = 0; i < tuples.length; i += BY_GRAM) {
      x = tf.matMul(x, composed(gramOf(x), tuples.slice(i, i + BY_GRAM)));
    }
  } else {
    for (const [a, b, c] of tuples) {
      const gram = gramOf(x); // [..., shorter, shorter]
      const linear = tf.mul(gram, b);
      const even = c === 0 ? linear : tf.add(linear, tf.mul(tf.matMul(gram, gram), c));
      x = tf.add(tf.mul(x, a), tf.matMul(x, even));
    }
  }
  return isWide(matrix) ? transpose(x) : x;
}

// With sides n and αn, a step costs 2α + 1 products of n × n, and a step on the Gram matrix 3, with 2α for every
// three of them: fewer from α = 1.5 on, and faster on wasm and tensorflow from 3 on, unless starting the operations
// is what takes the time.
function isLong({ shape }: tf.Tensor): boolean {
  const [longer, shorter] = shape.slice(-2) as [number, number];
  return shorter >= 16 && longer >= 3 * shorter;
}

/**
 * Steps taken on the Gram matrix before it is recomputed from X. Its rounding error grows with each step: with three,
 * the result is as close to float64 as without (singular values over six decades, all presets), with five it is not.
 */
const BY_GRAM = 3;

/**
 * The polynomial Q for which X·Q is X after all the steps: X ← X·P with P = a·I + b·G + c·G² makes the Gram matrix
 * G ← P·G·P, and all of them commute (as in Dao-AILab's gram-newton-schulz).
 */
function composed(gram: tf.Tensor, tuples: Coefficients): tf.Tensor {
  const identity = tf.eye(gram.shape.at(-1) as number);
  let g = gram;
  let product: tf.Tensor | null = null;
  tuples.forEach(([a, b, c], step) => {
    const outer = tf.add(tf.mul(g, c), tf.mul(identity, b));
    const p = tf.add(tf.matMul(g, outer), tf.mul(identity, a));
    product = product === null ? p : tf.matMul(product, p);
    if (step + 1 < tuples.length) g = tf.matMul(tf.matMul(g, p), p);
  });
  return product as unknown as tf.Tensor;
}

// wasm has a fast path for an explicit transpose alone, and it must be the left operand: right ones are kept packed
// by buffer alone, and one buffer under two shapes, which [n, 1] and its transpose are, would be mixed up.
const gramOf = (x: tf.Tensor): tf.Tensor =>
  tf.getBackend() === 'wasm' ? tf.matMul(transpose(x), x) : tf.matMul(x, x, true);

function transpose(matrix: tf.Tensor): tf.Tensor {
  const axes = matrix.shape.map((_, axis) => axis);
  return tf.transpose(matrix, [...axes.slice(0, -2), matrix.rank - 1, matrix.rank - 2]);
}
