/** The updates of Adam and Muon on gradients of noise, without tensors: what `simulateBrownian` sums up. */
import type { AdamRule, MatrixBlock, OrthogonalRule, UpdateRule } from '@tfjs-lrm/core/kit';

/** The updates of independent entries at a learning rate of 1, and the share that each stands for of the weight. */
interface Walkers {
  readonly size: number;
  /** Writes the next update into `into`. */
  readonly next: (into: Float64Array) => void;
  readonly share: number;
}

type Normal = () => number;

function adamWalkers(rule: AdamRule, size: number, scale: number, normal: Normal): Walkers {
  const { beta1, beta2, epsilon } = rule;
  const [m, v] = [new Float64Array(size), new Float64Array(size)];
  let [first, second] = [0, 0];
  return {
    size,
    share: 1,
    next: (into) => {
      first = beta1 * first + 1 - beta1;
      second = beta2 * second + 1 - beta2;
      for (let i = 0; i < size; i++) {
        const gradient = scale * normal();
        const mean = beta1 * (m[i] as number) + (1 - beta1) * gradient;
        const square = beta2 * (v[i] as number) + (1 - beta2) * gradient ** 2;
        [m[i], v[i]] = [mean, square];
        into[i] = mean / first / (Math.sqrt(square / second) + epsilon);
      }
    },
  };
}

/** X·Xᵀ of a matrix [rows, columns], row-major. */
function gramOf(x: Float64Array, rows: number, columns: number): Float64Array {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < columns; k++)
        sum += (x[i * columns + k] as number) * (x[j * columns + k] as number);
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  return gram;
}

/** P·X of matrices [rows, rows] and [rows, columns], row-major. */
function product(p: Float64Array, x: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < rows; k++) {
      const factor = p[i * rows + k] as number;
      for (let j = 0; j < columns; j++)
        result[i * columns + j] =
          (result[i * columns + j] as number) + factor * (x[k * columns + j] as number);
    }
  return result;
}

/** Orthogonalises a matrix [rows, columns] with rows ≤ columns, from a given Frobenius norm. */
function orthogonalise(
  matrix: Float64Array,
  rows: number,
  columns: number,
  norm: number,
  coefficients: OrthogonalRule['coefficients'],
): Float64Array {
  const length = Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0));
  let x = matrix.map((value) => (value * norm) / length);
  for (const [a, b, c] of coefficients) {
    const gram = gramOf(x, rows, columns);
    const square = product(gram, gram, rows, rows);
    const polynomial = gram.map((value, i) => b * value + c * (square[i] as number));
    const bent = product(polynomial, x, rows, columns);
    x = x.map((value, i) => a * value + (bent[i] as number));
  }
  return x;
}

/** The side of the matrices that stand for larger ones: what matters is the ratio of the sides. */
const SIDE = 8;
const WIDEST = 16;

/**
 * Matrices in the place of the larger ones of a block. Singular values over the Frobenius norm fall with the root of the
 * shorter side, so the smaller matrix starts from a norm that is smaller by as much.
 */
function matrixWalkers(
  rule: OrthogonalRule,
  block: MatrixBlock,
  size: number,
  share: number,
  normal: Normal,
): Walkers {
  const { momentum, nesterov, coefficients, safety } = rule;
  const [shorter, longer] = [
    Math.min(block.inputs, block.outputs),
    Math.max(block.inputs, block.outputs),
  ];
  const rows = Math.min(shorter, SIDE);
  const columns = Math.max(rows, Math.round(rows * Math.min(longer / shorter, WIDEST)));
  const entries = rows * columns;
  const count = Math.max(1, Math.ceil(size / entries));
  const norm = Math.sqrt(rows / shorter) / (1 + safety);
  const scale = block.scale * Math.sqrt(columns / longer);
  const means = Array.from({ length: count }, () => new Float64Array(entries));
  return {
    size: count * entries,
    share,
    next: (into) => {
      means.forEach((mean, at) => {
        const direction = mean.map((old, i) => {
          const fresh = (1 - momentum) * normal();
          const value = momentum * old + fresh;
          mean[i] = value;
          return nesterov ? momentum * value + fresh : value;
        });
        const update = orthogonalise(direction, rows, columns, norm, coefficients);
        into.set(
          update.map((value) => scale * value),
          at * entries,
        );
      });
    },
  };
}

/** Walkers for each part of a weight, about `entries` in all; `scale` is that of the gradients. */
export function walkersOf(
  rule: UpdateRule,
  entries: number,
  scale: number,
  normal: Normal,
): readonly Walkers[] {
  if (rule.kind === 'adam') return [adamWalkers(rule, entries, scale, normal)];
  const sizes = rule.blocks.map(({ inputs, outputs, count }) => inputs * outputs * count);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  return rule.blocks.map((block, i) => {
    const share = (sizes[i] as number) / total;
    return matrixWalkers(rule, block, Math.ceil(entries * share), share, normal);
  });
}
