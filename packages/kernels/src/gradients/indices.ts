import {
  add,
  cast,
  equal,
  GatherNd,
  GatherV2,
  type GatherV2Attrs,
  type GradConfig,
  gather,
  gatherND,
  greaterEqual,
  less,
  logicalAnd,
  mul,
  ones,
  range,
  reshape,
  ScatterNd,
  SparseToDense,
  scatterND,
  sparseToDense,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  TensorScatterUpdate,
  TopK,
  tensor,
  tensor1d,
  tensorScatterUpdate,
  topk,
  transpose,
  UnsortedSegmentSum,
  type UnsortedSegmentSumAttrs,
  unsortedSegmentSum,
  util,
  zeros,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Gradient } from './gradient.ts';
import { inputsOf } from './tape.ts';

const { sizeFromShape } = util;

/** Adds the gathered elements' gradients at their original positions, for the whole batch at once. */
const gatherGradient: GradConfig = {
  kernelName: GatherV2,
  inputsToSave: ['indices'],
  gradFunc: (dy, saved, attrs) => {
    const [indices] = saved as [Tensor];
    const x = inputsOf(saved)['x']!;
    const { axis: given, batchDims = 0 } = attributes<GatherV2Attrs>(attrs);
    const axis = util.parseAxisParam(given, x.shape)[0]!;
    const batch = sizeFromShape(x.shape.slice(0, batchDims));
    const outer = sizeFromShape(x.shape.slice(batchDims, axis));
    const inner = sizeFromShape(x.shape.slice(axis + 1));
    const size = x.shape[axis]!;
    const count = indices.size / batch;
    const ofX = (): Tensor => {
      const flat = reshape(
        outer === 1
          ? (dy as Tensor)
          : transpose(reshape(dy as Tensor, [batch, outer, count, inner]), [0, 2, 1, 3]),
        [batch * count, outer * inner],
      );
      const places = batch === 1 ? indices : inBatch(indices, batch, size);
      const ids = reshape(places, [batch * count]) as Tensor1D;
      const sums = unsortedSegmentSum(flat, ids, batch * size);
      if (outer === 1) return reshape(sums, x.shape);
      // [batch, size, outer, inner] → [batch, outer, size, inner]
      return reshape(transpose(reshape(sums, [batch, size, outer, inner]), [0, 2, 1, 3]), x.shape);
    };
    return { x: ofX, indices: () => zeros(indices.shape) };
  },
};

/** Positions within each example of a batch, as positions in all examples, each of which has `size`. */
const inBatch = (positions: Tensor, batch: number, size: number): Tensor => {
  const starts = mul(range(0, batch, 1, 'int32'), tensor(size, [], 'int32'));
  return add(reshape(positions, [batch, positions.size / batch]), reshape(starts, [batch, 1]));
};

/** Rows whose id does not belong to any segment get nothing. */
const unsortedSegmentSumGradient: GradConfig = {
  kernelName: UnsortedSegmentSum,
  inputsToSave: ['segmentIds'],
  gradFunc: (dy, saved, attrs) => {
    const [ids] = saved as [Tensor1D];
    const { numSegments } = attributes<UnsortedSegmentSumAttrs>(attrs);
    const ofX = (): Tensor => {
      const inside = logicalAnd(greaterEqual(ids, 0), less(ids, numSegments));
      // Rows outside take the first row times zero; clipping would confuse floats with integers on some backends.
      const rows = gather(dy as Tensor, mul(ids, cast(inside, 'int32')));
      const mask = reshape(cast(inside, 'float32'), [
        ids.size,
        ...new Array(rows.rank - 1).fill(1),
      ]);
      return mul(rows, mask);
    };
    return { x: ofX, segmentIds: () => zeros(ids.shape) };
  },
};

const gatherNDGradient: GradConfig = {
  kernelName: GatherNd,
  inputsToSave: ['indices'],
  gradFunc: (dy, saved) => {
    const [indices] = saved as [Tensor];
    const params = inputsOf(saved)['params']!;
    return {
      params: () => scatterND(indices, dy as Tensor, params.shape),
      indices: () => zeros(indices.shape),
    };
  },
};

const scatterNDGradient: GradConfig = {
  kernelName: ScatterNd,
  inputsToSave: ['indices'],
  gradFunc: (dy, saved) => {
    const [indices] = saved as [Tensor];
    return {
      updates: () => gatherND(dy as Tensor, indices),
      indices: () => zeros(indices.shape),
    };
  },
};

const tensorScatterUpdateGradient: GradConfig = {
  kernelName: TensorScatterUpdate,
  inputsToSave: ['indices'],
  gradFunc: (dy, saved) => {
    const [indices] = saved as [Tensor];
    return {
      // Not by an update with zeros: tfjs' cpu kernel writes into its argument.
      tensor: () => {
        const { shape } = dy as Tensor;
        const depth = indices.shape.at(-1)!;
        const kept = shape.slice(0, depth);
        const counts = scatterND(indices, ones(indices.shape.slice(0, -1)), kept);
        const mask = reshape(
          cast(equal(counts, 0), 'float32'),
          shape.map((_, i) => kept[i] ?? 1),
        );
        return mul(dy as Tensor, mask);
      },
      updates: () => gatherND(dy as Tensor, indices),
      indices: () => zeros(indices.shape),
    };
  },
};

const sparseToDenseGradient: GradConfig = {
  kernelName: SparseToDense,
  inputsToSave: ['sparseIndices'],
  gradFunc: (gradient, saved) => {
    const dy = gradient as Tensor;
    const [indices] = saved as [Tensor];
    const { sparseValues: values, defaultValue: fill } = inputsOf(saved);
    const gathered = (): Tensor =>
      gatherND(dy, indices.rank < 2 ? reshape(indices, [indices.size, 1]) : indices);
    return {
      sparseIndices: () => zeros(indices.shape),
      sparseValues: () =>
        values!.rank === 0 ? sum(gathered()) : reshape(gathered(), values!.shape),
      defaultValue: () => reshape(sub(sum(dy), sum(gathered())), fill!.shape),
    };
  },
};

/** The values are elements of x, at the positions in the second result. */
const topKGradient: GradConfig = {
  kernelName: TopK,
  outputsToSave: [false, true],
  gradFunc: (dys, saved) => {
    const [indices] = saved as [Tensor];
    const x = inputsOf(saved)['x']!;
    const size = x.shape.at(-1)!;
    const rows = x.size / size;
    return {
      x: () => {
        const dy = (dys as Tensor[])[0]!;
        const ids = reshape(inBatch(indices, rows, size), [dy.size]) as Tensor1D;
        return reshape(unsortedSegmentSum(reshape(dy, [dy.size]), ids, x.size), x.shape);
      },
    };
  },
};

/**
 * Gradients of operations with indices, most of which tfjs lacks; that of `gather` loops over a batch, or does not
 * support one.
 */
export const indexGradients: readonly Gradient[] = [
  {
    gradient: gatherGradient,
    example: {
      of: (x) => gather(reshape(x, [1, 2, 1]), tensor([0, 0], [1, 2, 1], 'int32'), 2, 2),
      at: [1, 2],
      expected: [1, 1],
    },
  },
  {
    gradient: unsortedSegmentSumGradient,
    example: {
      of: (x) => unsortedSegmentSum(x, tensor1d([0, 5], 'int32'), 1),
      at: [1, 2],
      expected: [1, 0],
    },
  },
  {
    gradient: gatherNDGradient,
    example: {
      of: (x) => gatherND(x, tensor([1], [1, 1], 'int32')),
      at: [1, 2],
      expected: [0, 1],
    },
  },
  {
    gradient: scatterNDGradient,
    example: {
      of: (x) => scatterND(tensor([1, 2], [2, 1], 'int32'), x, [3]),
      at: [1, 2],
      expected: [1, 1],
    },
  },
  {
    gradient: tensorScatterUpdateGradient,
    example: {
      of: (x) => tensorScatterUpdate(x, tensor([1], [1, 1], 'int32'), [0]),
      at: [1, 2],
      expected: [1, 0],
    },
  },
  {
    gradient: sparseToDenseGradient,
    example: {
      of: (x) => sparseToDense(tensor([1, 2], [2], 'int32'), x, [3], 0),
      at: [1, 2],
      expected: [1, 1],
    },
  },
  {
    gradient: topKGradient,
    example: { of: (x) => topk(x, 1).values, at: [1, 2], expected: [0, 1] },
  },
];
