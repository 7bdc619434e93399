import {
  getKernel,
  type KernelFunc,
  ScatterNd,
  sumOutType,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { WasmBackend } from './wasm-backend.ts';

/**
 * The `UnsortedSegmentSum` kernel for wasm, the gradient of `tf.gather` and so of every embedding:
 * out[s, …] = Σ x[i, …] over all i with segmentIds[i] = s.
 *
 * `x` is [n, …] of any rank, `segmentIds` [n]; the result is [numSegments, …], float32 for float32 and int32
 * for int32 and bool. A segment without rows is zero; rows whose id is negative or not below numSegments
 * belong to no segment, as on tfjs' other backends. Unlike on cpu, where every row is multiplied by 0 for the
 * other segments, a NaN stays in its own segment.
 *
 * @throws RangeError if segmentIds is not one id for each row of x
 */
export const unsortedSegmentSum: KernelFunc = ({ inputs, backend: anyBackend, attrs }) => {
  const backend = anyBackend as WasmBackend;
  const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
  const numSegments = attrs?.numSegments as number;
  const [rows = 0, ...rowShape] = x.shape;
  if (x.shape.length === 0 || segmentIds.shape.length !== 1 || segmentIds.shape[0] !== rows) {
    throw new RangeError(
      `kernels/unsortedSegmentSum: segmentIds must have one id for each row of x. Received x of shape [${x.shape}] and segmentIds of shape [${segmentIds.shape}]. Try reshaping segmentIds to [${rows}].`,
    );
  }

  const shape = [numSegments, ...rowShape];
  const isSegment = (id: number): boolean => id >= 0 && id < numSegments;
  const scatter = getKernel(ScatterNd, 'wasm')?.kernelFunc;
  // ScatterNd adds up rows with the same index, two to three times as fast as a loop here, but it writes wherever an
  // index points, even past the end of the result.
  if (
    scatter !== undefined &&
    x.dtype !== 'bool' &&
    backend.typedArrayFromHeap(segmentIds).every(isSegment)
  ) {
    const indices = { ...segmentIds, shape: [rows, 1] };
    return scatter({ inputs: { indices, updates: x }, backend, attrs: { shape } });
  }

  const out = backend.makeOutput(shape, sumOutType(x.dtype));
  // Creating the output may grow the heap, which detaches all arrays created before.
  const sums = backend.typedArrayFromHeap(out).fill(0);
  const values = backend.typedArrayFromHeap(x);
  const ids = backend.typedArrayFromHeap(segmentIds);
  const rowSize = util.sizeFromShape(rowShape);
  for (const [row, id] of ids.entries()) {
    if (!isSegment(id)) continue;
    for (let i = 0; i < rowSize; i++) sums[id * rowSize + i]! += values[row * rowSize + i]!;
  }
  return out;
};
