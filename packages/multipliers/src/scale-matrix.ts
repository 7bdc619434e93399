import * as tf from '@tensorflow/tfjs-core';
import { isTapeOn, runOnePass } from '@tfjs-lrm/core/kit';

const asColumn = (vector: tf.Tensor): tf.Tensor2D => tf.reshape(vector, [-1, 1]);
const asRow = (vector: tf.Tensor): tf.Tensor2D => tf.reshape(vector, [1, -1]);

/**
 * What the matrix is multiplied by, element by element: [n, m], or a shape that broadcasts to it. On cpu tfjs
 * broadcasts a column slowly; a matrix product of two vectors takes a third of the time there.
 */
function scalesOf(column: tf.Tensor | undefined, v: tf.Tensor | undefined, m: number): tf.Tensor {
  if (column === undefined) return v as tf.Tensor;
  if (tf.getBackend() === 'cpu')
    return tf.matMul(column, v === undefined ? tf.ones([1, m]) : asRow(v));
  return v === undefined ? column : tf.mul(column, v);
}

// On tensorflow, launching a product with a vector takes longer than the sum of an elementwise product. XLA makes one loop
// of such a sum and all that it sums, and does not write the product.
const areProductsSlow = (): boolean => tf.getBackend() === 'tensorflow';

/** P·v, where a missing v is all ones: [n]. */
function sumOverColumns(product: tf.Tensor, v: tf.Tensor | undefined): tf.Tensor {
  if (v === undefined) return tf.sum(product, 1);
  if (areProductsSlow()) return tf.sum(tf.mul(product, v), 1);
  return tf.reshape(tf.matMul(product, asRow(v), false, true), [-1]);
}

/** Pᵀ·u, where a missing u is all ones: [m]. */
function sumOverRows(product: tf.Tensor, column: tf.Tensor | undefined): tf.Tensor {
  if (areProductsSlow()) return tf.sum(column === undefined ? product : tf.mul(product, column), 0);
  // P stays the left operand: wasm first packs a copy of a right one, which costs more than the product.
  const weights = column ?? tf.ones([product.shape[0] as number, 1]);
  return tf.reshape(tf.matMul(product, weights, true, false), [-1]);
}

/**
 * A matrix whose first axis is scaled by u and whose second axis is scaled by v, with at least one of them:
 *
 *   M[j, i] = u[j] · W[j, i] · v[i],   and with G = ∂L/∂M and P = G ⊙ W
 *   ∂L/∂W = G ⊙ (u vᵀ),   ∂L/∂u = P v,   ∂L/∂v = Pᵀ u
 *
 * Forward and backward together take three products of full size and one sum per vector, and one more product, u vᵀ,
 * where both vectors are given.
 *
 * @param matrix [n, m]
 * @param u [n]
 * @param v [m]
 * @returns [n, m]
 */
export function scaleMatrix(
  matrix: tf.Tensor,
  u: tf.Tensor | undefined,
  v: tf.Tensor | undefined,
): tf.Tensor {
  const m = matrix.shape[1] as number;
  const vectorsOf = (
    tensors: readonly tf.Tensor[],
  ): { u: tf.Tensor | undefined; v: tf.Tensor | undefined } => ({
    u: u === undefined ? undefined : tensors[0],
    v: v === undefined ? undefined : tensors[u === undefined ? 0 : 1],
  });
  const vectors = [u, v].filter((vector): vector is tf.Tensor => vector !== undefined);
  // tfjs passes gradients only to the arguments, so everything that needs one must be an argument.
  const scaled = tf.customGrad((...inputs) => {
    const save = inputs.pop() as tf.GradSaveFunc;
    const [w, ...factors] = inputs as tf.Tensor[] as [tf.Tensor, ...tf.Tensor[]];
    const [inOnePass] = runOnePass('LrmScale', { w, ...vectorsOf(factors) }) ?? [];
    const { u, v } = vectorsOf(factors);
    const column = u === undefined || inOnePass !== undefined ? undefined : asColumn(u);
    const scales = inOnePass === undefined ? scalesOf(column, v, m) : undefined;
    // One pass of the backward multiplies the factors again, which costs less than to read them.
    const parts = scales === undefined ? [] : [scales, ...(column === undefined ? [] : [column])];
    save([w, ...factors, ...parts]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [w, ...rest] = saved as [tf.Tensor, ...tf.Tensor[]];
      const factors = rest.slice(0, vectors.length);
      const gradients = runOnePass('LrmScaleGradient', { dy, w, ...vectorsOf(factors) });
      if (gradients !== null) return gradients;
      const [savedScales, savedColumn] = rest.slice(vectors.length);
      const { u, v } = vectorsOf(factors);
      // For a gradient of this gradient, compute from the factors again: saved results are constants to the tape.
      const again = isTapeOn() || savedScales === undefined;
      const column = u === undefined ? undefined : again ? asColumn(u) : savedColumn;
      const product = tf.mul(dy, w);
      return [
        tf.mul(dy, again ? scalesOf(column, v, m) : savedScales),
        ...(u === undefined ? [] : [sumOverColumns(product, v)]),
        ...(v === undefined ? [] : [sumOverRows(product, column)]),
      ];
    };
    return { value: inOnePass ?? tf.mul(w, scales as tf.Tensor), gradFunc };
  });
  return scaled(matrix, ...vectors);
}
