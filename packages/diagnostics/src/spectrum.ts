/** Singular values of large Gaussian matrices, and what an iteration that orthogonalises makes of them. */
import type { MatrixBlock, OrthogonalRule } from '@tfjs-lrm/core/kit';

const POINTS = 512;

/** The means that describe an orthogonalised Gaussian matrix. */
export interface Orthogonalised {
  /** Mean square of an entry, times the longer side: 1 for a perfect polar factor. */
  readonly power: number;
  /** The share of it that is linear in the matrix: the squared correlation with the matrix itself. */
  readonly linear: number;
}

/** The singular value to which an iteration takes s. */
const iterate = (s: number, { coefficients }: OrthogonalRule): number =>
  coefficients.reduce((x, [a, b, c]) => x * (a + b * x ** 2 + c * x ** 4), s);

/**
 * Means over the law of Marchenko and Pastur (1967): with γ the shorter side over the longer one, the squared singular
 * values of a Gaussian matrix over the longer side are x = 1 + γ + 2·√γ·cos θ, with θ of density (2/π)·sin²θ / x. It is
 * the limit of large matrices, and within a percent from 8 × 8 on.
 */
export function orthogonalised(
  rule: OrthogonalRule,
  { inputs, outputs }: MatrixBlock,
): Orthogonalised {
  const [shorter, longer] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
  const ratio = shorter / longer;
  let [power, overlap] = [0, 0];
  for (let i = 0; i < POINTS; i++) {
    const theta = (Math.PI * (i + 0.5)) / POINTS;
    const x = 1 + ratio + 2 * Math.sqrt(ratio) * Math.cos(theta);
    const weight = ((2 / POINTS) * Math.sin(theta) ** 2) / x;
    // A singular value is at most the Frobenius norm, whatever the law of large matrices says of small ones.
    const value = iterate(Math.min(1, Math.sqrt(x / shorter)) / (1 + rule.safety), rule);
    power += weight * value ** 2;
    overlap += weight * value * Math.sqrt(x);
  }
  return { power, linear: Math.min(1, overlap ** 2 / power) };
}
