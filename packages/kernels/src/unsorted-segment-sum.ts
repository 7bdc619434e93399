import {
  getKernel,
  type KernelFunc,
  ScatterNd,
  sumOutType,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { isWasm, makeZeros, valuesOf } from './typed-arrays.ts';

/**
 * The `UnsortedSegmentSum` kernel for wasm and cpu, the gradient of `tf.gather` and so of every embedding:
 * out[s, …] = Σ x[i, …] over all i with segmentIds[i] = s. The stock kernel of cpu multiplies all of x by a mask for each
 * segment, so an embedding's gradient takes as many times as long as there are words; wasm has none.
 *
 * `x` is [n, …] of any rank, `segmentIds` [n]; the result is [numSegments, …], float32 for float32 and int32
 * for int32 and bool. A segment without rows is zero; rows whose id is negative or not below numSegments
 * belong to no segment, as on tfjs' other backends. A NaN stays in its own segment.
 *
 * @throws RangeError if segmentIds is not one id for each row of x
 */
export const unsortedSegmentSum: KernelFunc = ({ inputs, backend, attrs }) => {
  const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
  const numSegments = attrs?.numSegments as number;
  checkIds(x, segmentIds);
  const [rows = 0, ...rowShape] = x.shape;
  const shape = [numSegments, ...rowShape];
  const isSegment = (id: number): boolean => id >= 0 && id < numSegments;
  // On wasm, ScatterNd adds up rows with the same index, two to three times as fast as a loop here, but it writes
  // wherever an index points, even past the end of the result.
  const scatter = isWasm(backend) ? getKernel(ScatterNd, 'wasm')?.kernelFunc : undefined;
  if (
    scatter !== undefined &&
    x.dtype !== 'bool' &&
    valuesOf(backend, segmentIds).every(isSegment)
  ) {
    const indices = { ...segmentIds, shape: [rows, 1] };
    return scatter({ inputs: { indices, updates: x }, backend, attrs: { shape } });
  }

  const out = makeZeros(backend, shape, sumOutType(x.dtype) as 'float32' | 'int32');
  const [sums, values, ids] = [out, x, segmentIds].map((t) => valuesOf(backend, t));
  const rowSize = util.sizeFromShape(rowShape);
  for (let row = 0; row < rows; row++) {
    const id = ids![row]!;
    if (!isSegment(id)) continue;
    for (let i = 0; i < rowSize; i++) sums![id * rowSize + i]! += values![row * rowSize + i]!;
  }
  return out;
};

/** @throws RangeError if segmentIds is not one id for each row of x */
export function checkIds(x: TensorInfo, segmentIds: TensorInfo): void {
  const [rows] = x.shape;
  if (rows === undefined || segmentIds.shape.length !== 1 || segmentIds.shape[0] !== rows)
    throw new RangeError(
      `kernels/unsortedSegmentSum: segmentIds must have one id for each row of x. Received x of shape [${x.shape}] and segmentIds of shape [${segmentIds.shape}]. Try reshaping segmentIds to [${rows ?? 1}].`,
    );
}
