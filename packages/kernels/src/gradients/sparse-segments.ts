import {
  div,
  type GradConfig,
  gather,
  maximum,
  ones,
  reshape,
  SparseSegmentMean,
  SparseSegmentSum,
  sparse,
  type Tensor,
  type Tensor1D,
  tensor1d,
  unsortedSegmentSum,
} from '@tensorflow/tfjs-core';
import type { Gradient } from './gradient.ts';
import { inputsOf } from './tape.ts';

/** Each row gets the gradients of the segments that contain it, divided by the segment sizes for means. */
const gradientOf = (kernelName: string, isMean: boolean): GradConfig => ({
  kernelName,
  inputsToSave: ['indices', 'segmentIds'],
  gradFunc: (gradient, saved) => {
    const [indices, segments] = saved as [Tensor1D, Tensor1D];
    const data = inputsOf(saved)['data']!;
    const dy = gradient as Tensor;
    return {
      data: () => {
        const share = isMean ? div(dy, sizesOf(segments, dy)) : dy;
        return unsortedSegmentSum(gather(share, segments), indices, data.shape[0]!);
      },
    };
  },
});

/** How many rows each segment has, at least 1, as [segments, 1, …]. */
function sizesOf(segments: Tensor1D, dy: Tensor): Tensor {
  const count = dy.shape[0]!;
  const sizes = unsortedSegmentSum(ones([segments.size]), segments, count);
  return reshape(maximum(sizes, 1), [count, ...new Array(dy.rank - 1).fill(1)]);
}

const indices = [0, 1];
const ids = [0, 0];

/** The gradients of `tf.sparse.sparseSegmentSum` and `sparseSegmentMean`, which tfjs lacks. */
export const sparseSegmentGradients: readonly Gradient[] = [
  {
    gradient: gradientOf(SparseSegmentSum, false),
    example: {
      of: (x) => sparse.sparseSegmentSum(x, tensor1d(indices, 'int32'), tensor1d(ids, 'int32')),
      at: [1, 2],
      expected: [1, 1],
    },
  },
  {
    gradient: gradientOf(SparseSegmentMean, true),
    example: {
      of: (x) => sparse.sparseSegmentMean(x, tensor1d(indices, 'int32'), tensor1d(ids, 'int32')),
      at: [1, 2],
      expected: [0.5, 0.5],
    },
  },
];
