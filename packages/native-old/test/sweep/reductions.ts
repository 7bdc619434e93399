/** Operations along axes: sums, extremes, orders, norms. */
import * as tf from '@tensorflow/tfjs-core';
import { argument, type Case, type Cases, DTYPES, one } from './case.ts';

type Axis = number | number[] | undefined;
type Reduction = (x: tf.Tensor, axis?: Axis, keepDims?: boolean) => unknown;

const SHAPE = [2, 3, 4];
const AXES: readonly Axis[] = [undefined, 0, -1, [0, 2]];

/** All elements, an axis, the last one and two, each with and without keepDims; and all types. */
const reduction = (run: Reduction, axes: readonly Axis[] = AXES): Case[] => [
  ...axes.flatMap((axis) =>
    [false, true].map((keep) =>
      one(`axis ${axis ?? 'none'}${keep ? ', keepDims' : ''}`, [argument(SHAPE)], (x) =>
        run(x as tf.Tensor, axis, keep),
      ),
    ),
  ),
  ...DTYPES.slice(1).map((dtype) =>
    one(dtype, [argument(SHAPE, dtype)], (x) => run(x as tf.Tensor, axes[1], false)),
  ),
];

/** As a `reduction`, without keepDims. */
const along = (run: (x: tf.Tensor, axis?: number) => unknown): Case[] => [
  ...[undefined, 0, 1, -1].map((axis) =>
    one(`axis ${axis ?? 'none'}`, [argument(SHAPE)], (x) => run(x as tf.Tensor, axis)),
  ),
  ...DTYPES.slice(1).map((dtype) =>
    one(dtype, [argument(SHAPE, dtype)], (x) => run(x as tf.Tensor, 1)),
  ),
];

const cumulative = (
  run: (x: tf.Tensor, axis: number, exclusive: boolean, reverse: boolean) => unknown,
): Case[] => [
  ...[false, true].flatMap((exclusive) =>
    [false, true].flatMap((reverse) =>
      [0, 1, -1].map((axis) =>
        one(
          `axis ${axis}${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`,
          [argument(SHAPE)],
          (x) => run(x as tf.Tensor, axis, exclusive, reverse),
        ),
      ),
    ),
  ),
  one('int32', [argument(SHAPE, 'int32')], (x) => run(x as tf.Tensor, 1, false, false)),
];

const ofBools = (run: Reduction): Case[] =>
  AXES.flatMap((axis) =>
    [false, true].map((keep) =>
      one(`axis ${axis ?? 'none'}${keep ? ', keepDims' : ''}`, [argument(SHAPE, 'bool')], (x) =>
        run(x as tf.Tensor, axis, keep),
      ),
    ),
  );

export const reductions: Cases = {
  sum: reduction((...args) => tf.sum(...args)),
  mean: reduction((...args) => tf.mean(...args)),
  prod: reduction((...args) => tf.prod(...args)),
  max: reduction((...args) => tf.max(...args)),
  min: reduction((...args) => tf.min(...args)),
  logSumExp: reduction((...args) => tf.logSumExp(...args)),
  moments: reduction((...args) => tf.moments(...args)),
  euclideanNorm: reduction((x, axis, keep) => tf.norm(x, 'euclidean', axis, keep)),
  norm: [
    ...reduction((x, axis, keep) => tf.norm(x, 'euclidean', axis, keep)),
    ...([1, 'fro', Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const).map((order) =>
      one(`order ${order}`, [argument([3, 4])], (x) =>
        tf.norm(x as tf.Tensor, order as number, [0, 1]),
      ),
    ),
  ],
  all: ofBools((...args) => tf.all(...args)),
  any: ofBools((...args) => tf.any(...args)),
  argMax: along((x, axis) => tf.argMax(x, axis)),
  argMin: along((x, axis) => tf.argMin(x, axis)),
  softmax: along((x) => tf.softmax(x)).slice(0, 1),
  logSoftmax: [
    ...along((x) => tf.logSoftmax(x)).slice(0, 1),
    ...along((x) => tf.logSoftmax(x)).slice(4),
  ],
  cumsum: cumulative((...args) => tf.cumsum(...args)),
  cumprod: cumulative((...args) => tf.cumprod(...args)),
  topk: [
    one('k = 2', [argument(SHAPE)], (x) => tf.topk(x as tf.Tensor, 2)),
    one('not sorted', [argument(SHAPE)], (x) => tf.topk(x as tf.Tensor, 4, false)),
    one('int32', [argument(SHAPE, 'int32', [-50, 50])], (x) => tf.topk(x as tf.Tensor, 2)),
  ],
  unique: [one('one axis', [argument([6], 'int32')], (x) => tf.unique(x as tf.Tensor))],
  bincount: [
    one('weights', [argument([6], 'int32', [0, 4]), argument([6])], (x, w) =>
      tf.bincount(x as tf.Tensor1D, w as tf.Tensor1D, 4),
    ),
    one('no weights', [argument([6], 'int32', [0, 4])], (x) =>
      tf.bincount(x as tf.Tensor1D, tf.tensor1d([]), 4),
    ),
  ],
  denseBincount: [
    one('weights', [argument([6], 'int32', [0, 4]), argument([6])], (x, w) =>
      tf.denseBincount(x as tf.Tensor1D, w as tf.Tensor1D, 4),
    ),
  ],
  unsortedSegmentSum: ['float32' as const, 'int32' as const].map((dtype) =>
    one(dtype, [argument([6, 2], dtype), argument([6], 'int32', [0, 3])], (x, ids) =>
      tf.unsortedSegmentSum(x as tf.Tensor, ids as tf.Tensor1D, 3),
    ),
  ),
  searchSorted: [
    one('left', [argument([2, 3])], (x) =>
      tf.searchSorted(tf.tensor2d([-1, 0, 1, -2, 0, 2], [2, 3]), x as tf.Tensor),
    ),
  ],
};
