import {
  AvgPool,
  AvgPool3D,
  AvgPool3DGrad,
  AvgPoolGrad,
  add,
  avgPool,
  avgPool3d,
  cast,
  engine,
  equal,
  type GradConfig,
  grad,
  logicalAnd,
  logicalNot,
  logicalOr,
  MaxPool,
  MaxPool3D,
  MaxPool3DGrad,
  MaxPoolGrad,
  MaxPoolWithArgmax,
  maxPool,
  maxPool3d,
  maxPoolWithArgmax,
  mul,
  reshape,
  sum,
  type Tensor,
  type Tensor4D,
  type Tensor5D,
  tensor,
  zeros,
  zerosLike,
} from '@tensorflow/tfjs-core';
import { attributes } from '../attributes.ts';
import type { Example, Gradient } from './gradient.ts';
import {
  cropWindows,
  elementsAt,
  explicitPadding,
  isInside,
  offsets,
  type PoolAttrs,
  paddedSize,
  padWindows,
  type Windows,
  windowsOfPool,
} from './windows.ts';

/** Less than any other number; infinity cannot be written in a shader. */
const LEAST = -3.4028234663852886e38;

const run = (kernelName: string, inputs: Record<string, Tensor>, attrs: PoolAttrs): Tensor =>
  engine().runKernel(kernelName, inputs, attrs as never) as Tensor;

/**
 * The gradient of an average over windows. tfjs' kernel divides by the size of the filter where the window extends
 * beyond the elements, while the operation itself divides by their number: so the kernel gets windows that are all
 * inside, and dy times filter / number.
 */
const averageGradient = (kernelName: string, gradKernelName: string): GradConfig => ({
  kernelName,
  inputsToSave: ['x'],
  gradFunc: (dy, saved, attrs) => {
    const [x] = saved as [Tensor];
    const pool = attributes<PoolAttrs>(attrs);
    const { filterSize, strides } = pool;
    return {
      x: () => {
        const axes = windowsOfPool(x.shape, pool, (dy as Tensor).shape);
        const weighted = weigh(dy as Tensor, axes);
        const shape = [x.shape[0]!, ...axes.map(paddedSize), x.shape.at(-1)!];
        const input = isInside(axes) ? x : zeros(shape);
        const valid: PoolAttrs = { filterSize, strides, pad: 'valid' };
        return cropWindows(run(gradKernelName, { dy: weighted, input }, valid), axes);
      },
    };
  },
});

/** dy times the size of the filter over the number of elements in each window. */
function weigh(dy: Tensor, axes: readonly Windows[]): Tensor {
  return axes.reduce((weighted, { size, filter, stride, before, count }, axis) => {
    const factors = Array.from({ length: count }, (_, o) => {
      const first = o * stride - before;
      const number = Math.min(size, first + filter) - Math.max(0, first);
      return filter / Math.max(1, number);
    });
    if (factors.every((factor) => factor === 1)) return weighted;
    const shape = dy.shape.map((_, i) => (i === axis + 1 ? count : 1));
    return mul(weighted, tensor(factors, shape));
  }, dy);
}

const maximumGradient = (
  kernelName: string,
  gradKernelName: string,
  outputsToSave: boolean[],
): GradConfig => ({
  kernelName,
  inputsToSave: ['x'],
  outputsToSave,
  gradFunc: (dy, saved, attrs) => {
    const [x, y] = saved as [Tensor, Tensor];
    const pool = attributes<PoolAttrs>(attrs);
    return {
      x: () => {
        const inputs = { dy: Array.isArray(dy) ? dy[0]! : dy, input: x, output: y };
        const axes = windowsOfPool(x.shape, pool, y.shape);
        if (x.rank === 4)
          return run(gradKernelName, inputs, { ...pool, pad: explicitPadding(pool.pad) });
        // tfjs' kernels in three dimensions are correct where all windows are inside.
        const { filterSize, strides } = pool;
        const padded = { ...inputs, input: padWindows(x, axes, LEAST) };
        const valid: PoolAttrs = { filterSize, strides, pad: 'valid' };
        return cropWindows(run(gradKernelName, padded, valid), axes);
      },
    };
  },
});

/** The gradient of a gradient of averages, which is linear in dy: the averages of the incoming gradient. */
const averageGradGradient = (kernelName: string): GradConfig => ({
  kernelName,
  inputsToSave: ['input'],
  gradFunc: (ddx, saved, attrs) => {
    const [input] = saved as [Tensor];
    const { filterSize, strides, pad } = attributes<PoolAttrs>(attrs);
    const [filter, stride] = [filterSize as never, strides as never];
    return {
      dy: () =>
        input.rank === 4
          ? avgPool(ddx as Tensor4D, filter, stride, pad)
          : avgPool3d(ddx as Tensor5D, filter, stride, pad as 'valid'),
      input: () => zeros(input.shape),
    };
  },
});

/** The gradient of a gradient of maxima: the incoming gradient at the first largest element of each window. */
const maximumGradGradient = (kernelName: string): GradConfig => ({
  kernelName,
  inputsToSave: ['input', 'output'],
  gradFunc: (ddx, saved, attrs) => {
    const [input, output] = saved as [Tensor, Tensor];
    return {
      dy: () => {
        const axes = windowsOfPool(input.shape, attributes<PoolAttrs>(attrs), output.shape);
        const x = padWindows(input, axes, LEAST);
        const incoming = padWindows(ddx as Tensor, axes, 0);
        let [taken, result] = [null as Tensor | null, zerosLike(output)];
        for (const offset of offsets(axes)) {
          const isLargest = equal(elementsAt(x, axes, offset), output);
          const isFirst = taken === null ? isLargest : logicalAnd(isLargest, logicalNot(taken));
          const here = elementsAt(incoming, axes, offset);
          // On some backends `where` takes at most four axes.
          result = add(result, mul(here, cast(isFirst, 'float32')));
          taken = taken === null ? isLargest : logicalOr(taken, isLargest);
        }
        return result;
      },
      input: () => zeros(input.shape),
      output: () => zeros(output.shape),
    };
  },
});

const images = (x: Tensor): Tensor4D => reshape(x, [1, 1, x.size, 1]);
const volumes = (x: Tensor): Tensor5D => reshape(x, [1, 1, 1, x.size, 1]);

/** Gradients of pooling, and those of its gradient kernels. */
export const poolingGradients: readonly Gradient[] = [
  {
    gradient: averageGradient(AvgPool, AvgPoolGrad),
    example: { of: (x) => avgPool(images(x), [1, 2], 1, 'same'), at: [1, 2], expected: [0.5, 1.5] },
  },
  {
    gradient: averageGradient(AvgPool3D, AvgPool3DGrad),
    example: {
      of: (x) => avgPool3d(volumes(x), [1, 1, 2], 1, 'same'),
      at: [1, 2],
      expected: [0.5, 1.5],
    },
  },
  {
    gradient: maximumGradient(MaxPool, MaxPoolGrad, [true]),
    example: {
      of: (x) => maxPool(reshape(x, [1, 3, 3, 1]) as Tensor4D, 2, 2, 0, 'ceil'),
      at: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      expected: [0, 0, 0, 0, 1, 1, 0, 1, 1],
    },
  },
  {
    gradient: maximumGradient(MaxPool3D, MaxPool3DGrad, [true]),
    example: {
      of: (x) => maxPool3d(volumes(x), [1, 1, 2], [1, 1, 3], 'same'),
      at: [1, 2, 3, 4, 5, 6],
      expected: [0, 1, 0, 0, 1, 0],
    },
  },
  {
    gradient: maximumGradient(MaxPoolWithArgmax, MaxPoolGrad, [true, false]),
    example: {
      of: (x) => maxPoolWithArgmax(images(x), [1, 2], 1, 'valid')['result'] as Tensor,
      at: [1, 2],
      expected: [0, 1],
    },
  },
  ...[AvgPoolGrad, AvgPool3DGrad].map((kernelName) => ({
    gradient: averageGradGradient(kernelName),
    example: penaltyOf((x) => avgPool(images(x), [1, 2], 1, 'valid'), [4, 4]),
  })),
  ...[MaxPoolGrad, MaxPool3DGrad].map((kernelName) => ({
    gradient: maximumGradGradient(kernelName),
    example: penaltyOf((x) => maxPool(images(x), [1, 2], 1, 'valid'), [0, 24]),
  })),
];

/** An example of second order: Σ g² for the gradient g of Σ operation², at [1, 3]. */
function penaltyOf(operation: (x: Tensor) => Tensor, expected: readonly number[]): Example {
  const gradient = grad((x) => {
    const y = operation(x);
    return sum(mul(y, y));
  });
  return {
    of: (x) => {
      const g = gradient(x);
      return mul(g, g);
    },
    at: [1, 3],
    expected,
  };
}
