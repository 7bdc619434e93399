/** An operation for every gradient that `enableTraining()` registers, of a size at which its kernels dominate. */
import * as tf from '@tensorflow/tfjs-core';

export interface Workload {
  /** float32 tensors are differentiated, others are fixed. */
  readonly inputs: () => readonly tf.Tensor[];
  readonly of: (...inputs: tf.Tensor[]) => tf.Tensor;
}

type Images = tf.Tensor4D;
type Volumes = tf.Tensor5D;

let seed = 1;
/** Numbers between 0.5 and 1.5, which every operation here takes. */
const numbers = (...shape: number[]): tf.Tensor =>
  tf.randomUniform(shape, 0.5, 1.5, 'float32', seed++);
const indices = (below: number, ...shape: number[]): tf.Tensor =>
  tf.randomUniform(shape, 0, below, 'int32', seed++);
const bools = (...shape: number[]): tf.Tensor => tf.cast(indices(2, ...shape), 'bool');

const run = (kernelName: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(kernelName, inputs, attrs as never) as tf.Tensor;

export interface Sizes {
  /** Rows and columns of matrices. */
  readonly sides: number;
  /** Images and volumes in a batch. */
  readonly batch: number;
}

/** By the name of the gradient, and what is varied. */
export function workloadsOf({ sides, batch }: Sizes): Readonly<Record<string, Workload>> {
  const SIDES = [sides, sides] as const;
  const square = (): tf.Tensor => numbers(...SIDES);
  const complexOf = (of: (z: tf.Tensor) => tf.Tensor, ...shape: number[]): Workload => ({
    inputs: () => [numbers(...shape), numbers(...shape)],
    of: (a, b) => {
      const result = of(tf.complex(a!, b!));
      return result.dtype === 'complex64' ? tf.real(result) : result;
    },
  });
  const unary = (of: (x: tf.Tensor) => tf.Tensor): Workload => ({ inputs: () => [square()], of });
  const binary = (of: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Workload => ({
    inputs: () => [square(), square()],
    of: of as Workload['of'],
  });
  const logical = (of: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Workload => ({
    inputs: () => [bools(...SIDES), bools(...SIDES), square()],
    of: (a, b, x) => tf.mul(x!, tf.cast(of(a!, b!), 'float32')),
  });

  const IMAGES = [batch, 32, 32, 16] as const;
  const images = (): tf.Tensor => numbers(...IMAGES);
  const ofImages = (of: (x: Images) => tf.Tensor): Workload => ({
    inputs: () => [images()],
    of: of as Workload['of'],
  });
  const filtered = (
    filter: readonly number[],
    of: (x: Images, filter: Images) => tf.Tensor,
    shape: readonly number[] = IMAGES,
  ): Workload => ({
    inputs: () => [numbers(...shape), numbers(...filter)],
    of: of as unknown as Workload['of'],
  });
  const VOLUMES = [batch, 8, 8, 8, 8] as const;
  const ofVolumes = (of: (x: Volumes) => tf.Tensor): Workload => ({
    inputs: () => [numbers(...VOLUMES)],
    of: of as Workload['of'],
  });
  const POOL = { filterSize: [2, 2], strides: [2, 2], pad: 'same' };
  const POOL_3D = { filterSize: [2, 2, 2], strides: [2, 2, 2], pad: 'same' };
  const CONV = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC' };
  const ofGradient = (
    kernelName: string,
    shapes: Record<string, readonly number[]>,
    attrs: object,
  ): Workload => ({
    inputs: () => Object.values(shapes).map((shape) => numbers(...shape)),
    of: (...inputs) =>
      run(
        kernelName,
        Object.fromEntries(Object.keys(shapes).map((name, i) => [name, inputs[i]!])),
        attrs,
      ),
  });

  return {
    Add: complexOf((z) => tf.add(z, z), ...SIDES),
    All: {
      inputs: () => [bools(...SIDES), square()],
      of: (a, x) => tf.mul(x!, tf.cast(tf.all(a!, 1, true), 'float32')),
    },
    Any: {
      inputs: () => [bools(...SIDES), square()],
      of: (a, x) => tf.mul(x!, tf.cast(tf.any(a!, 1, true), 'float32')),
    },
    AvgPool: ofImages((x) => tf.avgPool(x, 2, 2, 'same')),
    'AvgPool, overlapping': ofImages((x) => tf.avgPool(x, 3, 1, 'same')),
    AvgPool3D: ofVolumes((x) => tf.avgPool3d(x, 2, 2, 'same')),
    AvgPool3DGrad: ofGradient(
      tf.AvgPool3DGrad,
      { dy: [batch, 4, 4, 4, 8], input: VOLUMES },
      { ...POOL_3D, dimRoundingMode: undefined },
    ),
    AvgPoolGrad: ofGradient(tf.AvgPoolGrad, { dy: [batch, 16, 16, 16], input: IMAGES }, POOL),
    BatchMatMul: {
      inputs: () => [numbers(256, 256), numbers(256, 256)],
      of: (a, b) => tf.matMul(a!, b!),
    },
    'BatchMatMul, broadcast': {
      inputs: () => [numbers(16, 64, 64), numbers(64, 64)],
      of: (a, b) => tf.matMul(a!, b!),
    },
    Cast: unary((x) => tf.cast(tf.cast(x, 'int32'), 'float32')),
    Complex: complexOf((z) => z, ...SIDES),
    ComplexAbs: complexOf((z) => tf.abs(z), ...SIDES),
    Concat: complexOf((z) => tf.concat([z, z]), ...SIDES),
    Conv2D: filtered([3, 3, 16, 16], (x, f) => tf.conv2d(x, f, 1, 'same')),
    'Conv2D, dilated': filtered([3, 3, 16, 16], (x, f) => tf.conv2d(x, f, 1, 'same', 'NHWC', 2)),
    Conv2DBackpropFilter: ofGradient(
      tf.Conv2DBackpropFilter,
      { x: IMAGES, dy: IMAGES },
      { ...CONV, filterShape: [3, 3, 16, 16] },
    ),
    Conv3D: {
      inputs: () => [numbers(...VOLUMES), numbers(3, 3, 3, 8, 8)],
      of: (x, f) => tf.conv3d(x as Volumes, f as Volumes, 1, 'same'),
    },
    Conv3DBackpropFilterV2: ofGradient(
      tf.Conv3DBackpropFilterV2,
      { x: VOLUMES, dy: VOLUMES },
      { strides: [1, 1, 1], pad: 'same', filterShape: [3, 3, 3, 8, 8] },
    ),
    Conv3DBackpropInputV2: ofGradient(
      tf.Conv3DBackpropInputV2,
      { dy: VOLUMES, filter: [3, 3, 3, 8, 8] },
      { strides: [1, 1, 1], pad: 'same', inputShape: VOLUMES },
    ),
    CropAndResize: {
      inputs: () => [images(), tf.range(0, batch, 1, 'int32')],
      of: (x, of) => {
        const boxes = Array.from({ length: batch }, () => [0.1, 0.1, 0.9, 0.8]);
        return tf.image.cropAndResize(x as Images, boxes, of as tf.Tensor1D, [32, 32]);
      },
    },
    Cumprod: unary((x) => tf.cumprod(x, 1)),
    Cumsum: unary((x) => tf.cumsum(x, 0)),
    DepthToSpace: ofImages((x) => tf.depthToSpace(x, 2)),
    DepthwiseConv2dNative: filtered([3, 3, 16, 1], (x, f) => tf.depthwiseConv2d(x, f, 1, 'same')),
    'DepthwiseConv2dNative, dilated': filtered([3, 3, 16, 1], (x, f) =>
      tf.depthwiseConv2d(x, f, 1, 'same', 'NHWC', 2),
    ),
    DepthwiseConv2dNativeBackpropFilter: ofGradient(
      tf.DepthwiseConv2dNativeBackpropFilter,
      { x: IMAGES, dy: IMAGES },
      { ...CONV, dilations: [1, 1], filterShape: [3, 3, 16, 1] },
    ),
    DepthwiseConv2dNativeBackpropInput: ofGradient(
      tf.DepthwiseConv2dNativeBackpropInput,
      { dy: IMAGES, filter: [3, 3, 16, 1] },
      { ...CONV, dilations: [1, 1], inputShape: IMAGES },
    ),
    Diag: { inputs: () => [numbers(sides)], of: (x) => tf.diag(x!) },
    Dilation2D: filtered([3, 3, 16], (x, f) =>
      tf.dilation2d(x, f as unknown as tf.Tensor3D, 1, 'same'),
    ),
    Einsum: {
      inputs: () => [numbers(8, 32, 4, 16), numbers(8, 32, 4, 16)],
      of: (a, b) => tf.einsum('bqhd,bkhd->bhqk', a!, b!),
    },
    Elu: unary((x) => tf.elu(tf.sub(x, 1))),
    EluGrad: {
      inputs: () => [square(), tf.sub(square(), 1)],
      of: (dy, y) => run(tf.EluGrad, { dy: dy!, y: y! }, {}),
    },
    Equal: binary((a, b) => tf.mul(a, tf.cast(tf.equal(a, b), 'float32'))),
    Exp: unary((x) => tf.exp(x)),
    ExpandDims: complexOf((z) => tf.expandDims(z), ...SIDES),
    FFT: complexOf((z) => tf.spectral.fft(z), 64, 64),
    FlipLeftRight: ofImages((x) => tf.image.flipLeftRight(x)),
    FloorDiv: binary((a, b) => tf.floorDiv(a, b)),
    FusedBatchNorm: {
      inputs: () => [images(), ...[0, 1, 2, 3].map(() => numbers(16))],
      of: (x, mean, variance, offset, scale) =>
        tf.batchNorm(
          x!,
          mean as tf.Tensor1D,
          variance as tf.Tensor1D,
          offset as tf.Tensor1D,
          scale as tf.Tensor1D,
        ),
    },
    GatherNd: {
      inputs: () => [square(), indices(sides, 4096, 1)],
      of: (x, places) => tf.gatherND(x!, places!),
    },
    GatherV2: {
      inputs: () => [square(), indices(sides, 4096)],
      of: (x, places) => tf.gather(x!, places as tf.Tensor1D),
    },
    'GatherV2, batches': {
      inputs: () => [numbers(16, 128, 64), indices(128, 16, 256)],
      of: (x, places) => tf.gather(x!, places!, 1, 1),
    },
    Greater: binary((a, b) => tf.mul(a, tf.cast(tf.greater(a, b), 'float32'))),
    GreaterEqual: binary((a, b) => tf.mul(a, tf.cast(tf.greaterEqual(a, b), 'float32'))),
    IFFT: complexOf((z) => tf.spectral.ifft(z), 64, 64),
    Identity: complexOf((z) => tf.clone(z), ...SIDES),
    Imag: complexOf((z) => tf.imag(z), ...SIDES),
    Less: binary((a, b) => tf.mul(a, tf.cast(tf.less(a, b), 'float32'))),
    LessEqual: binary((a, b) => tf.mul(a, tf.cast(tf.lessEqual(a, b), 'float32'))),
    LogicalAnd: logical((a, b) => tf.logicalAnd(a, b)),
    LogicalNot: logical((a) => tf.logicalNot(a)),
    LogicalOr: logical((a, b) => tf.logicalOr(a, b)),
    LRN: ofImages((x) => tf.localResponseNormalization(x)),
    Maximum: binary((a, b) => tf.maximum(a, b)),
    'Maximum, broadcast': {
      inputs: () => [square(), numbers(sides)],
      of: (a, b) => tf.maximum(a!, b!),
    },
    MaxPool: ofImages((x) => tf.maxPool(x, 2, 2, 'same')),
    'MaxPool, overlapping': ofImages((x) => tf.maxPool(x, 3, 1, 'same')),
    MaxPool3D: ofVolumes((x) => tf.maxPool3d(x, 2, 2, 'same')),
    MaxPool3DGrad: {
      inputs: () => [numbers(batch, 4, 4, 4, 8), numbers(...VOLUMES)],
      of: (dy, input) => {
        const output = tf.maxPool3d(input as Volumes, 2, 2, 'same');
        return run(tf.MaxPool3DGrad, { dy: dy!, input: input!, output }, POOL_3D);
      },
    },
    MaxPoolGrad: {
      inputs: () => [numbers(batch, 16, 16, 16), images()],
      of: (dy, input) => {
        const output = tf.maxPool(input as Images, 2, 2, 'same');
        return run(tf.MaxPoolGrad, { dy: dy!, input: input!, output }, POOL);
      },
    },
    MaxPoolWithArgmax: ofImages(
      (x) => tf.maxPoolWithArgmax(x, 2, 2, 'same')['result'] as tf.Tensor,
    ),
    Mean: unary((x) => tf.mean(x, -1)),
    Minimum: binary((a, b) => tf.minimum(a, b)),
    MirrorPad: ofImages((x) =>
      tf.mirrorPad(
        x,
        [
          [0, 0],
          [2, 2],
          [2, 2],
          [0, 0],
        ],
        'reflect',
      ),
    ),
    Multinomial: {
      inputs: () => [numbers(64, 256)],
      of: (x) =>
        tf.mul(
          x!,
          tf.cast(tf.slice(tf.multinomial(x as tf.Tensor2D, 1, 1), 0, [64, 1]), 'float32'),
        ),
    },
    Multiply: complexOf((z) => tf.mul(z, z), ...SIDES),
    NotEqual: binary((a, b) => tf.mul(a, tf.cast(tf.notEqual(a, b), 'float32'))),
    Pack: complexOf((z) => tf.stack([z, z]), ...SIDES),
    Pow: binary((a, b) => tf.pow(a, b)),
    Prod: unary((x) => tf.prod(x, 1)),
    Real: complexOf((z) => tf.real(z), ...SIDES),
    RealDiv: binary((a, b) => tf.div(a, b)),
    Reshape: complexOf((z) => tf.reshape(z, [-1]), ...SIDES),
    ResizeBilinear: ofImages((x) => tf.image.resizeBilinear(x, [64, 64])),
    'ResizeBilinear, half-pixel centres': ofImages((x) =>
      tf.image.resizeBilinear(x, [64, 64], false, true),
    ),
    ResizeNearestNeighbor: ofImages((x) => tf.image.resizeNearestNeighbor(x, [64, 64])),
    RotateWithOffset: ofImages((x) => tf.image.rotateWithOffset(x, 0.4)),
    ScatterNd: {
      inputs: () => [indices(sides, 4096, 1), numbers(4096, 128)],
      of: (places, x) => tf.scatterND(places!, x!, [sides, 128]),
    },
    SearchSorted: {
      inputs: () => [tf.cumsum(numbers(sides)), numbers(sides * sides)],
      of: (sorted, x) => tf.mul(x!, tf.cast(tf.searchSorted(sorted!, x!), 'float32')),
    },
    Sigmoid: unary((x) => tf.sigmoid(x)),
    Slice: unary((x) => tf.slice(x, [16, 16], [sides - 32, sides - 32])),
    Softmax: unary((x) => tf.softmax(x)),
    SparseSegmentMean: {
      inputs: () => [square(), indices(sides, 1024), tf.floorDiv(tf.range(0, 1024, 1, 'int32'), 4)],
      of: (x, places, segments) =>
        tf.sparse.sparseSegmentMean(x!, places as tf.Tensor1D, segments as tf.Tensor1D),
    },
    SparseSegmentSum: {
      inputs: () => [square(), indices(sides, 1024), tf.floorDiv(tf.range(0, 1024, 1, 'int32'), 4)],
      of: (x, places, segments) =>
        tf.sparse.sparseSegmentSum(x!, places as tf.Tensor1D, segments as tf.Tensor1D),
    },
    SparseToDense: {
      inputs: () => [tf.range(0, 65536, 1, 'int32'), numbers(65536)],
      of: (places, x) => tf.sparseToDense(places!, x as tf.Tensor1D, [131072], 0),
    },
    SplitV: unary((x) => {
      const [a, b] = tf.split(x, 2, 1);
      return tf.mul(a!, b!);
    }),
    SquaredDifference: binary((a, b) => tf.squaredDifference(a, b)),
    StridedSlice: unary((x) => tf.stridedSlice(x, [0, 0], [...SIDES], [1, 2])),
    Sub: complexOf((z) => tf.sub(z, z), ...SIDES),
    Sum: unary((x) => tf.sum(x, -1)),
    Tanh: unary((x) => tf.tanh(x)),
    TensorScatterUpdate: {
      inputs: () => [
        square(),
        tf.reshape(tf.range(0, sides / 2, 1, 'int32'), [sides / 2, 1]),
        numbers(sides / 2, sides),
      ],
      of: (x, places, rows) => tf.tensorScatterUpdate(x!, places!, rows!),
    },
    Tile: unary((x) => tf.tile(x, [2, 2])),
    TopK: unary((x) => tf.topk(x, 8).values),
    Transform: ofImages((x) =>
      tf.image.transform(x, tf.tensor2d([[1, 0.2, 0.3, 0.1, 0.9, -0.2, 0, 0]]), 'bilinear'),
    ),
    Unpack: unary((x) => tf.unstack(tf.reshape(x, [1, ...SIDES]))[0]!),
    UnsortedSegmentSum: {
      inputs: () => [numbers(4096, 128), indices(sides, 4096)],
      of: (x, segments) => tf.unsortedSegmentSum(x!, segments as tf.Tensor1D, sides),
    },
    logSoftmax__op: unary((x) => tf.logSoftmax(x)),
    softmaxCrossEntropy__op: binary((labels, logits) =>
      tf.losses.softmaxCrossEntropy(labels, logits),
    ),
  };
}
