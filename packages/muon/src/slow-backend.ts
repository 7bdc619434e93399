import * as tf from '@tensorflow/tfjs-core';

/** Multiplications in a product for which Muon's fifteen products take noticeable time in plain JavaScript: 128 × 128 matrices. */
const LARGE = 128 ** 3;

let hasWarned = false;

/** Warns once about a large matrix on the backend `cpu`, which multiplies in plain JavaScript. */
export function warnOfSlowBackend(variables: readonly tf.Variable[]): void {
  if (hasWarned || tf.getBackend() !== 'cpu') return;
  const large = variables.find(({ shape, size }) => {
    const columns = shape.at(-1) as number;
    return size * Math.min(columns, size / columns) >= LARGE;
  });
  if (large === undefined) return;
  hasWarned = true;
  console.warn(
    `muon: "${large.name}" [${large.shape.join(', ')}] trains on the backend cpu, whose matrix products run in plain JavaScript and are slow. Try wasm with enableTraining() of @tfjs-lrm/kernels, webgl, webgpu or tfjs-node.`,
  );
}
