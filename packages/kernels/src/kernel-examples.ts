import {
  add,
  avgPool,
  avgPool3d,
  batchNorm,
  Conv3DBackpropFilterV2,
  Conv3DBackpropInputV2,
  cast,
  complex,
  conv2d,
  conv3d,
  depthwiseConv2d,
  dilation2d,
  einsum,
  engine,
  expandDims,
  fused,
  image as imageOps,
  MaxPool3DGrad,
  MaxPoolGrad,
  matMul,
  maxPool,
  maxPool3d,
  maxPoolWithArgmax,
  mul,
  type Rank,
  real,
  reshape,
  stack,
  stridedSlice,
  sub,
  type Tensor,
  tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';

/** An example that a stock kernel computes wrongly. */
export interface KernelExample {
  readonly of: () => Tensor;
  readonly expected: readonly number[];
}

const run = (kernelName: string, inputs: Record<string, Tensor>, attrs: object): Tensor =>
  engine().runKernel(kernelName, inputs, attrs as never) as Tensor;

const image = (height: number, values: number[]): Tensor =>
  tensor(values, [1, height, values.length / height, 1]);
const line = (values: number[]): Tensor => tensor(values, [1, 1, 1, values.length, 1]);
const filterOf = (sides: number[], value = 1): Tensor =>
  tensor(new Array(sides.reduce((size, side) => size * side, 1)).fill(value), [...sides, 1, 1]);

type Image = Tensor<Rank.R4>;
type Volume = Tensor<Rank.R5>;

/** Windows of 3×2 over 2×2 elements, with 1 around them. */
const uneven = (): Image => image(2, [1, 2, 3, 4]) as Image;
const sums = [4, 10, 6, 4, 10, 6];
/** Strides of 2 under filters of 1×3, with padding 'same'. */
const sparse = (): Image => image(4, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) as Image;
const sparseSums = [3, 5, 15, 17];

const convolutions = (
  x: () => Image,
  sides: [number, number],
  strides: number,
  pad: number | 'same',
  expected: readonly number[],
): Record<string, KernelExample> => {
  const filter = (): Image => filterOf(sides) as Image;
  const attrs = () => ({ x: x(), filter: filter(), strides, pad, activation: 'relu' as const });
  return {
    Conv2D: { of: () => conv2d(x(), filter(), strides, pad), expected },
    DepthwiseConv2dNative: { of: () => depthwiseConv2d(x(), filter(), strides, pad), expected },
    FusedConv2D: { of: () => fused.conv2d(attrs()), expected },
    FusedDepthwiseConv2D: { of: () => fused.depthwiseConv2d(attrs()), expected },
  };
};

const shared: Record<string, KernelExample> = {
  // Windows of two elements in steps of three, which begin at the first of six elements.
  AvgPool3D: {
    of: () => avgPool3d(line([1, 2, 3, 4, 5, 6]) as Volume, [1, 1, 2], [1, 1, 3], 'same'),
    expected: [1.5, 4.5],
  },
  Conv3D: {
    of: () =>
      conv3d(line([1, 2, 3, 4, 5, 6]) as Volume, filterOf([1, 1, 2]) as Volume, [1, 1, 3], 'same'),
    expected: [3, 9],
  },
  Conv3DBackpropFilterV2: {
    of: () =>
      run(
        Conv3DBackpropFilterV2,
        { x: line([1, 2, 3, 4, 5, 6]), dy: line([1, 1]) },
        { strides: [1, 1, 3], pad: 'same', filterShape: [1, 1, 2, 1, 1] },
      ),
    expected: [5, 7],
  },
  Conv3DBackpropInputV2: {
    of: () =>
      run(
        Conv3DBackpropInputV2,
        { dy: line([1, 1]), filter: tensor([1, 2], [1, 1, 2, 1, 1]) },
        { strides: [1, 1, 3], pad: 'same', inputShape: [1, 1, 1, 6, 1] },
      ),
    expected: [1, 2, 0, 1, 2, 0],
  },
  // Statistics along the first axis.
  FusedBatchNorm: {
    of: () =>
      batchNorm(
        tensor([1, 2, 3, 4], [2, 2]),
        tensor([1, 3], [2, 1]),
        tensor([1, 1], [2, 1]),
        undefined,
        undefined,
        0,
      ),
    expected: [0, 1, 0, 1],
  },
  // An axis is dropped before one that has a stride.
  StridedSlice: {
    of: () =>
      stridedSlice(tensor([1, 2, 3, 4, 5, 6], [2, 3]), [1, 0], [2, 3], [1, 2], 0, 0, 0, 0, 1),
    expected: [4, 6],
  },
};

/** The shape of the real part of a complex row of two, after `change`. */
const shapeAfter = (change: (z: Tensor) => unknown): Tensor => {
  const z = complex(tensor1d([1, 2]), tensor1d([0, 0]));
  change(z);
  return tensor1d(real(z).shape);
};
/** Two rows of one complex number, and a single one. */
const complexSides = (): [Tensor, Tensor] => [
  complex(tensor([1, 2], [2, 1]), tensor([0, 0], [2, 1])),
  complex(tensor1d([3]), tensor1d([0])),
];

/** Examples of the kernels that are replaced because they are wrong, on backends that return values synchronously. */
export const kernelExamples: Readonly<Record<string, Readonly<Record<string, KernelExample>>>> = {
  cpu: {
    ...shared,
    ...convolutions(uneven, [3, 2], 1, 1, sums),
    AvgPool: { of: () => avgPool(uneven(), [3, 2], 1, 1), expected: [2, 2.5, 3, 2, 2.5, 3] },
    MaxPool: { of: () => maxPool(uneven(), [3, 2], 1, 1), expected: [3, 4, 4, 3, 4, 4] },
    MaxPool3D: {
      of: () => maxPool3d(line([1, 2, 3, 4, 5, 6]) as Volume, [1, 1, 2], [1, 1, 3], 'same'),
      expected: [2, 5],
    },
    // Height and width of the window differ.
    MaxPool3DGrad: {
      of: () =>
        run(
          MaxPool3DGrad,
          { dy: line([1]), input: tensor([1, 2, 3, 4, 5, 6], [1, 1, 2, 3, 1]), output: line([6]) },
          { filterSize: [1, 2, 3], strides: 1, pad: 'valid' },
        ),
      expected: [0, 0, 0, 0, 0, 1],
    },
    Add: { of: () => real(add(...complexSides())), expected: [4, 5] },
    ExpandDims: { of: () => shapeAfter((z) => expandDims(z)), expected: [2] },
    Multiply: { of: () => real(mul(...complexSides())), expected: [3, 6] },
    Pack: { of: () => shapeAfter((z) => stack([z, z])), expected: [2] },
    Reshape: { of: () => shapeAfter((z) => reshape(z, [2, 1])), expected: [2] },
    Sub: { of: () => real(sub(...complexSides())), expected: [-2, -1] },
    // Two images of one pixel, neither of them moved.
    Transform: {
      of: () =>
        imageOps.transform(
          tensor([1, 2], [2, 1, 1, 1]) as Image,
          tensor([1, 0, 0, 0, 1, 0, 0, 0], [1, 8]) as Tensor<Rank.R2>,
        ),
      expected: [1, 2],
    },
    BatchMatMul: {
      of: () => matMul(tensor([1, 2], [2, 1, 1, 1]), tensor([1, 2, 3], [3, 1, 1])),
      expected: [1, 2, 3, 2, 4, 6],
    },
    Einsum: {
      of: () => einsum('i,j->', tensor1d([1, 2]), tensor1d([3, 4])),
      expected: [21],
    },
  },
  wasm: {
    ...shared,
    ...convolutions(sparse, [1, 3], 2, 'same', sparseSums),
    Cast: { of: () => cast(cast(tensor1d([0.5, 2, 0]), 'bool'), 'float32'), expected: [1, 1, 0] },
    Dilation2D: {
      of: () =>
        dilation2d(
          image(1, [-1, -2]) as Image,
          tensor([0], [1, 1, 1]) as Tensor<Rank.R3>,
          1,
          'valid',
        ),
      expected: [-1, -2],
    },
    MaxPool3D: {
      of: () => maxPool3d(line([-1, -2]) as Volume, 1, 1, 'valid'),
      expected: [-1, -2],
    },
    MaxPool3DGrad: {
      of: () =>
        run(
          MaxPool3DGrad,
          { dy: line([1]), input: line([-2, -1]), output: line([-1]) },
          { filterSize: [1, 1, 2], strides: 1, pad: 'valid' },
        ),
      expected: [0, 1],
    },
    MaxPoolGrad: {
      of: () =>
        run(
          MaxPoolGrad,
          { dy: image(1, [1]), input: image(1, [-2, -1]), output: image(1, [-1]) },
          { filterSize: [1, 2], strides: 1, pad: 'valid' },
        ),
      expected: [0, 1],
    },
    MaxPoolWithArgmax: {
      of: () =>
        maxPoolWithArgmax(image(1, [-2, -1]) as Image, [1, 2], 1, 'valid')['result'] as Tensor,
      expected: [-1],
    },
  },
};
