import {
  add,
  concat,
  DepthToSpace,
  type DepthToSpaceAttrs,
  Diag,
  depthToSpace,
  diag,
  FlipLeftRight,
  type GradConfig,
  image,
  MirrorPad,
  type MirrorPadAttrs,
  mirrorPad,
  reshape,
  reverse,
  Slice,
  type SliceAttrs,
  SplitV,
  type SplitVAttrs,
  StridedSlice,
  slice,
  slice_util,
  split,
  stridedSlice,
  type Tensor,
  type Tensor3D,
  type Tensor4D,
  transpose,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import { stridedSliceInfo } from '../strided-slice-info.ts';
import { aroundAxis, padAny, padAxis, sliceAxis } from './axes.ts';
import type { Gradient } from './gradient.ts';
import { inputsOf } from './tape.ts';

/** Each element goes back to its original position: zeros between the elements of each axis, and around them. */
const stridedSliceGradient: GradConfig = {
  kernelName: StridedSlice,
  gradFunc: (dy, saved, attrs) => {
    const x = inputsOf(saved)['x']!;
    const { begin, end, strides } = stridedSliceInfo(x.shape, attrs);
    return {
      x: () => {
        // With every axis of x: dy lacks the dropped axes, and has the new ones.
        const counts = begin.map((first, i) =>
          Math.max(0, Math.ceil((end[i]! - first) / strides[i]!)),
        );
        return inverseStridedSlice(reshape(dy as Tensor, counts), x.shape, begin, strides);
      },
    };
  },
};

/** Zeros of `shape`, with the elements of `x` at `begin` + i · `strides`. */
export function inverseStridedSlice(
  x: Tensor,
  shape: readonly number[],
  begin: readonly number[],
  strides: readonly number[],
): Tensor {
  return shape.reduce(
    (spaced, size, axis) => spread(spaced, axis, size, begin[axis]!, strides[axis]!),
    x,
  );
}

/** The inverse of slicing along one axis: `size` elements, zero except those at begin + i·stride. */
function spread(x: Tensor, axis: number, size: number, begin: number, stride: number): Tensor {
  const count = x.shape[axis]!;
  if (begin === 0 && stride === 1 && count === size) return x;
  const shape = x.shape.with(axis, size);
  let [parts, first, step] = [aroundAxis(x, axis), begin, stride];
  if (step < 0) {
    parts = reverse(parts, 1);
    first = begin + (count - 1) * stride;
    step = -stride;
  }
  const [outer, , inner] = parts.shape;
  // [outer, count, inner] → [outer, count · step, inner], with each element followed by step − 1 zeros.
  const apart =
    step === 1
      ? parts
      : reshape(padAxis(reshape(parts, [outer * count, 1, inner]), 0, step - 1), [
          outer,
          count * step,
          inner,
        ]);
  const room = size - first;
  const fitting = count * step > room ? sliceAxis(apart as Tensor3D, 0, room) : apart;
  return reshape(padAxis(fitting as Tensor3D, first, size - first - fitting.shape[1]!), shape);
}

/** Mirrored elements go back through the mirror and are added to the elements that they mirror. */
const mirrorPadGradient: GradConfig = {
  kernelName: MirrorPad,
  gradFunc: (dy, _, attrs) => {
    const { paddings, mode } = attributes<MirrorPadAttrs>(attrs);
    return {
      x: () => {
        let gradient = dy as Tensor;
        for (const [axis, padding] of paddings.entries())
          gradient = fold(gradient, axis, padding, mode === 'reflect' ? 1 : 0);
        return gradient;
      },
    };
  },
};

function fold(x: Tensor, axis: number, [before, after]: [number, number], edge: 0 | 1): Tensor {
  if (before + after === 0) return x;
  const parts = aroundAxis(x, axis);
  const size = parts.shape[1] - before - after;
  const part = (from: number, count: number): Tensor3D => sliceAxis(parts, from, count);
  let sum = part(before, size);
  if (before > 0) sum = add(sum, padAxis(reverse(part(0, before), 1), edge, size - before - edge));
  if (after > 0)
    sum = add(sum, padAxis(reverse(part(before + size, after), 1), size - after - edge, edge));
  return reshape(sum, x.shape.with(axis, size));
}

const depthToSpaceGradient: GradConfig = {
  kernelName: DepthToSpace,
  gradFunc: (dy, _, attrs) => {
    const { blockSize, dataFormat } = attributes<DepthToSpaceAttrs>(attrs);
    const y = dy as Tensor4D;
    const block = blockSize;
    return {
      x: () => {
        if (dataFormat === 'NHWC') {
          const [batch, height, width, depth] = y.shape;
          const [h, w] = [height / block, width / block];
          // [batch, h, block, w, block, depth] → [batch, h, w, block, block, depth]
          const blocks = reshape(y, [batch, h, block, w, block, depth]);
          return reshape(transpose(blocks, [0, 1, 3, 2, 4, 5]), [
            batch,
            h,
            w,
            block * block * depth,
          ]);
        }
        const [batch, depth, height, width] = y.shape;
        const [h, w] = [height / block, width / block];
        // [batch, depth, h, block, w, block] → [batch, block, block, depth, h, w]
        const blocks = reshape(y, [batch, depth, h, block, w, block]);
        return reshape(transpose(blocks, [0, 3, 5, 1, 2, 4]), [batch, block * block * depth, h, w]);
      },
    };
  },
};

const flipGradient: GradConfig = {
  kernelName: FlipLeftRight,
  gradFunc: (dy) => ({ image: () => image.flipLeftRight(dy as Tensor4D) }),
};

/** Results of an operation that may have only one, for which tfjs passes no list. */
const allOf = (dys: Tensor | Tensor[]): Tensor[] => (Array.isArray(dys) ? dys : [dys]);

const splitGradient: GradConfig = {
  kernelName: SplitV,
  gradFunc: (dys, _, attrs) => ({
    x: () => concat(allOf(dys), attributes<SplitVAttrs>(attrs).axis),
  }),
};

const sliceGradient: GradConfig = {
  kernelName: Slice,
  gradFunc: (gradient, saved, attrs) => {
    const dy = gradient as Tensor;
    const x = inputsOf(saved)['x'] as Tensor;
    const { begin, size } = attributes<SliceAttrs>(attrs);
    const [starts] = slice_util.parseSliceParams(x, begin, size) as [number[], number[]];
    const paddings = starts.map((start, axis): [number, number] => [
      start,
      x.shape[axis]! - start - dy.shape[axis]!,
    ]);
    return { x: () => padAny(dy, paddings) };
  },
};

const diagGradient: GradConfig = {
  kernelName: Diag,
  gradFunc: (dy, saved) => {
    const { size, shape } = inputsOf(saved)['x']!;
    return {
      x: () => {
        // Elements of the diagonal are size + 1 apart.
        const elements = reshape(dy as Tensor, [size * size]);
        return reshape(stridedSlice(elements, [0], [size * size], [size + 1]), shape);
      },
    };
  },
};

/** Gradients of operations that move elements, which tfjs lacks, and of `mirrorPad`, which it treats as `pad`. */
export const sliceGradients: readonly Gradient[] = [
  {
    gradient: stridedSliceGradient,
    example: { of: (x) => stridedSlice(x, [0], [3], [2]), at: [1, 2, 3], expected: [1, 0, 1] },
  },
  {
    gradient: mirrorPadGradient,
    example: { of: (x) => mirrorPad(x, [[1, 0]], 'reflect'), at: [1, 2], expected: [1, 2] },
  },
  {
    gradient: depthToSpaceGradient,
    example: {
      of: (x) => depthToSpace(reshape(x, [1, 1, 1, 4]) as Tensor4D, 2),
      at: [1, 2, 3, 4],
      expected: [1, 1, 1, 1],
    },
  },
  {
    gradient: flipGradient,
    example: {
      of: (x) => image.flipLeftRight(reshape(x, [1, 1, 2, 1]) as Tensor4D),
      at: [1, 2],
      expected: [1, 1],
    },
  },
  {
    gradient: splitGradient,
    example: { of: (x) => split(x, [2])[0]!, at: [1, 2], expected: [1, 1] },
  },
  {
    gradient: sliceGradient,
    backends: ['webgl', 'webgpu'],
    example: {
      of: (x) => slice(reshape(x, [1, 1, 1, 1, 2]), [0, 0, 0, 0, 1]),
      at: [1, 2],
      expected: [0, 1],
    },
  },
  { gradient: diagGradient, example: { of: (x) => diag(x), at: [1, 2], expected: [1, 1] } },
];
