/** Products, convolutions, pooling, normalisation, images, spectra and losses. */
import * as tf from '@tensorflow/tfjs-core';
import { type Argument, argument, type Case, type Cases, one } from './case.ts';

type Image = tf.Tensor4D;
type Run = Case['run'];

const float = (label: string, shapes: readonly (readonly number[])[], run: Run): Case =>
  one(
    label,
    shapes.map((shape) => argument(shape)),
    run,
  );

/** Strides, paddings and dilations that an operation on windows takes. */
const WINDOWS = [
  { label: 'valid', strides: 1, pad: 'valid', dilations: 1 },
  { label: 'same, strides 2', strides: 2, pad: 'same', dilations: 1 },
  { label: 'uneven strides', strides: [1, 2] as [number, number], pad: 'valid', dilations: 1 },
  { label: 'dilations 2', strides: 1, pad: 'same', dilations: 2 },
  { label: 'explicit padding', strides: 1, pad: 1, dilations: 1 },
] as const;

const IMAGE = [2, 6, 5, 3];
const conv2d: Case[] = [
  ...WINDOWS.map(({ label, strides, pad, dilations }) =>
    float(label, [IMAGE, [3, 2, 3, 4]], (x, kernel) =>
      tf.conv2d(x as Image, kernel as Image, strides, pad, 'NHWC', dilations),
    ),
  ),
  float(
    'without a batch',
    [
      [6, 5, 3],
      [3, 2, 3, 4],
    ],
    (x, kernel) => tf.conv2d(x as tf.Tensor3D, kernel as Image, 1, 'same'),
  ),
];

const matrices: Cases = {
  matMul: [
    ...[false, true].flatMap((a) =>
      [false, true].map((b) =>
        float(
          `${a ? 'transposed' : 'plain'} and ${b ? 'transposed' : 'plain'}`,
          [a ? [3, 2] : [2, 3], b ? [4, 3] : [3, 4]],
          (x, y) => tf.matMul(x as tf.Tensor, y as tf.Tensor, a, b),
        ),
      ),
    ),
    float(
      'batches',
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
      (x, y) => tf.matMul(x as tf.Tensor, y as tf.Tensor),
    ),
    float(
      'a batch that is broadcast',
      [
        [2, 5, 3, 4],
        [5, 4, 2],
      ],
      (x, y) => tf.matMul(x as tf.Tensor, y as tf.Tensor),
    ),
    one('int32', [argument([2, 3], 'int32'), argument([3, 2], 'int32')], (x, y) =>
      tf.matMul(x as tf.Tensor, y as tf.Tensor),
    ),
  ],
  dot: [
    float('vectors', [[3], [3]], (x, y) => tf.dot(x as tf.Tensor, y as tf.Tensor)),
    float('matrix and vector', [[2, 3], [3]], (x, y) => tf.dot(x as tf.Tensor, y as tf.Tensor)),
  ],
  outerProduct: [
    float('vectors', [[3], [2]], (x, y) => tf.outerProduct(x as tf.Tensor1D, y as tf.Tensor1D)),
  ],
  einsum: [
    float(
      'a product',
      [
        [2, 3],
        [3, 4],
      ],
      (x, y) => tf.einsum('ij,jk->ik', x as tf.Tensor, y as tf.Tensor),
    ),
    float(
      'attention',
      [
        [2, 3, 2, 4],
        [2, 5, 2, 4],
      ],
      (x, y) => tf.einsum('bthd,bshd->bhts', x as tf.Tensor, y as tf.Tensor),
    ),
  ],
  'linalg.bandPart': [
    float('lower triangle', [[3, 3]], (x) => tf.linalg.bandPart(x as tf.Tensor, -1, 0)),
    float('a batch', [[2, 3, 4]], (x) => tf.linalg.bandPart(x as tf.Tensor, 1, 1)),
  ],
  'linalg.gramSchmidt': [float('rows', [[3, 3]], (x) => tf.linalg.gramSchmidt(x as tf.Tensor2D))],
  'linalg.qr': [
    float('square', [[3, 3]], (x) => tf.linalg.qr(x as tf.Tensor)),
    float('full matrices', [[4, 2]], (x) => tf.linalg.qr(x as tf.Tensor, true)),
  ],
  'fused.matMul': [
    float('bias and relu', [[2, 3], [3, 4], [4]], (a, b, bias) =>
      tf.fused.matMul({
        a: a as tf.Tensor,
        b: b as tf.Tensor,
        bias: bias as tf.Tensor,
        activation: 'relu',
      }),
    ),
    float(
      'transposed and sigmoid',
      [
        [3, 2],
        [4, 3],
      ],
      (a, b) =>
        tf.fused.matMul({
          ...{ a: a as tf.Tensor, b: b as tf.Tensor, transposeA: true, transposeB: true },
          activation: 'sigmoid',
        }),
    ),
    float('prelu', [[2, 3], [3, 4], [4], [4]], (a, b, bias, weights) =>
      tf.fused.matMul({
        ...{ a: a as tf.Tensor, b: b as tf.Tensor, bias: bias as tf.Tensor },
        activation: 'prelu',
        preluActivationWeights: weights as tf.Tensor,
      }),
    ),
  ],
};

const convolutions: Cases = {
  conv1d: WINDOWS.slice(0, 2).map(({ label, strides, pad }) =>
    float(
      label,
      [
        [2, 7, 3],
        [3, 3, 4],
      ],
      (x, kernel) =>
        tf.conv1d(x as tf.Tensor3D, kernel as tf.Tensor3D, strides as number, pad as 'same'),
    ),
  ),
  conv2d,
  conv2dTranspose: [
    float(
      'valid',
      [
        [2, 3, 3, 2],
        [2, 2, 4, 2],
      ],
      (x, kernel) => tf.conv2dTranspose(x as Image, kernel as Image, [2, 4, 4, 4], 1, 'valid'),
    ),
    float(
      'same, strides 2',
      [
        [2, 3, 3, 2],
        [3, 3, 4, 2],
      ],
      (x, kernel) => tf.conv2dTranspose(x as Image, kernel as Image, [2, 6, 6, 4], 2, 'same'),
    ),
  ],
  conv3d: (['valid', 'same'] as const).map((pad) =>
    float(
      pad,
      [
        [1, 4, 4, 3, 2],
        [2, 2, 2, 2, 3],
      ],
      (x, kernel) =>
        tf.conv3d(x as tf.Tensor5D, kernel as tf.Tensor5D, pad === 'same' ? 2 : 1, pad),
    ),
  ),
  conv3dTranspose: [
    float(
      'same, strides 2',
      [
        [1, 2, 2, 2, 2],
        [2, 2, 2, 3, 2],
      ],
      (x, kernel) =>
        tf.conv3dTranspose(x as tf.Tensor5D, kernel as tf.Tensor5D, [1, 4, 4, 4, 3], 2, 'same'),
    ),
  ],
  depthwiseConv2d: WINDOWS.filter(({ label }) => label !== 'uneven strides').map(
    ({ label, strides, pad, dilations }) =>
      float(label, [IMAGE, [3, 2, 3, 2]], (x, kernel) =>
        tf.depthwiseConv2d(
          x as Image,
          kernel as Image,
          strides as number,
          pad as 'same',
          'NHWC',
          dilations,
        ),
      ),
  ),
  separableConv2d: WINDOWS.slice(0, 2).map(({ label, strides, pad }) =>
    float(label, [IMAGE, [2, 2, 3, 2], [1, 1, 6, 4]], (x, depthwise, pointwise) =>
      tf.separableConv2d(
        x as Image,
        depthwise as Image,
        pointwise as Image,
        strides as number,
        pad as 'same',
      ),
    ),
  ),
  dilation2d: [
    float(
      'same',
      [
        [1, 4, 4, 2],
        [2, 2, 2],
      ],
      (x, filter) => tf.dilation2d(x as Image, filter as tf.Tensor3D, 1, 'same'),
    ),
  ],
  maxPool: WINDOWS.filter(({ label }) => label !== 'dilations 2').map(({ label, strides, pad }) =>
    float(label, [IMAGE], (x) => tf.maxPool(x as Image, 2, strides, pad)),
  ),
  avgPool: WINDOWS.slice(0, 3).map(({ label, strides, pad }) =>
    float(label, [IMAGE], (x) => tf.avgPool(x as Image, [2, 3], strides, pad)),
  ),
  pool: [
    float('max', [IMAGE], (x) => tf.pool(x as Image, 2, 'max', 'same')),
    float('average, dilations', [IMAGE], (x) => tf.pool(x as Image, 2, 'avg', 'valid', 2)),
  ],
  maxPool3d: [
    float('valid', [[1, 4, 4, 4, 2]], (x) => tf.maxPool3d(x as tf.Tensor5D, 2, 2, 'valid')),
  ],
  avgPool3d: [
    float('same', [[1, 3, 4, 4, 2]], (x) => tf.avgPool3d(x as tf.Tensor5D, 2, 2, 'same')),
  ],
  maxPoolWithArgmax: [
    float('valid', [IMAGE], (x) => tf.maxPoolWithArgmax(x as Image, 2, 2, 'valid')),
  ],
  'fused.conv2d': [
    float('bias and relu', [IMAGE, [3, 2, 3, 4], [4]], (x, filter, bias) =>
      tf.fused.conv2d({
        ...{ x: x as Image, filter: filter as Image, strides: 1, pad: 'same' },
        ...{ bias: bias as tf.Tensor, activation: 'relu' },
      }),
    ),
  ],
  'fused.depthwiseConv2d': [
    float('bias and elu', [IMAGE, [3, 2, 3, 2], [6]], (x, filter, bias) =>
      tf.fused.depthwiseConv2d({
        ...{ x: x as Image, filter: filter as Image, strides: 1, pad: 'same' },
        ...{ bias: bias as tf.Tensor, activation: 'elu' },
      }),
    ),
  ],
};

const batchNorm = (
  run: (
    x: never,
    mean: never,
    variance: never,
    offset?: never,
    scale?: never,
    epsilon?: number,
  ) => unknown,
  shape: readonly number[],
): Case[] => {
  const [x, mean, variance] = [argument(shape), argument([3]), argument([3], 'float32', [0.5, 2])];
  return [
    one('mean and variance', [x, mean, variance], (...args) =>
      run(...(args as [never, never, never])),
    ),
    one('offset, scale and epsilon', [x, mean, variance, mean, mean], (...args) =>
      run(...(args as [never, never, never, never, never]), 0.1),
    ),
  ];
};

const normalisation: Cases = {
  batchNorm: batchNorm(tf.batchNorm, [2, 4, 3]),
  batchNorm2d: batchNorm(tf.batchNorm2d, [4, 3]),
  batchNorm3d: batchNorm(tf.batchNorm3d, [2, 4, 3]),
  batchNorm4d: batchNorm(tf.batchNorm4d, [2, 2, 2, 3]),
  localResponseNormalization: [
    float('defaults', [IMAGE], (x) => tf.localResponseNormalization(x as Image)),
    float('all arguments', [IMAGE], (x) =>
      tf.localResponseNormalization(x as Image, 1, 2, 0.5, 0.7),
    ),
  ],
  basicLSTMCell: [
    float('a step', [[], [5, 8], [8], [2, 3], [2, 2], [2, 2]], (...args) =>
      tf.basicLSTMCell(...(args as Parameters<typeof tf.basicLSTMCell>)),
    ),
  ],
  multiRNNCell: [
    float('two cells', [[4, 8], [8], [2, 2], [2, 2], [2, 2], [2, 2], [2, 2]], (...args) => {
      const [kernel, bias, data, ...states] = args as tf.Tensor2D[];
      const cell = (x: tf.Tensor2D, c: tf.Tensor2D, h: tf.Tensor2D): [tf.Tensor2D, tf.Tensor2D] =>
        tf.basicLSTMCell(
          tf.scalar(1),
          kernel as tf.Tensor2D,
          bias as unknown as tf.Tensor1D,
          x,
          c,
          h,
        );
      const [c, h] = [states.slice(0, 2), states.slice(2)];
      return tf.multiRNNCell([cell, cell], data as tf.Tensor2D, c, h).flat();
    }),
  ],
};

const PICTURE = [1, 4, 4, 3];
const BOXES: Argument = argument([3, 4], 'float32', [0, 1]);

const images: Cases = {
  'image.flipLeftRight': [float('a batch', [PICTURE], (x) => tf.image.flipLeftRight(x as Image))],
  'image.grayscaleToRGB': [
    float('a batch', [[1, 2, 2, 1]], (x) => tf.image.grayscaleToRGB(x as Image)),
  ],
  'image.rgbToGrayscale': [float('a batch', [PICTURE], (x) => tf.image.rgbToGrayscale(x as Image))],
  'image.resizeBilinear': resizing((x, size, ...flags) =>
    tf.image.resizeBilinear(x, size, ...flags),
  ),
  'image.resizeNearestNeighbor': resizing((x, size, ...flags) =>
    tf.image.resizeNearestNeighbor(x, size, ...flags),
  ),
  'image.cropAndResize': (['bilinear', 'nearest'] as const).map((method) =>
    one(method, [argument(PICTURE), BOXES], (x, boxes) =>
      tf.image.cropAndResize(
        x as Image,
        boxes as tf.Tensor2D,
        tf.tensor1d([0, 0, 0], 'int32'),
        [3, 3],
        method,
      ),
    ),
  ),
  'image.nonMaxSuppression': [
    one('defaults', [BOXES, argument([3], 'float32', [0, 1])], (boxes, scores) =>
      tf.image.nonMaxSuppression(boxes as tf.Tensor2D, scores as tf.Tensor1D, 2),
    ),
  ],
  'image.nonMaxSuppressionWithScore': [
    one('defaults', [BOXES, argument([3], 'float32', [0, 1])], (boxes, scores) =>
      tf.image.nonMaxSuppressionWithScore(boxes as tf.Tensor2D, scores as tf.Tensor1D, 2),
    ),
  ],
  'image.nonMaxSuppressionPadded': [
    one('padded', [BOXES, argument([3], 'float32', [0, 1])], (boxes, scores) =>
      tf.image.nonMaxSuppressionPadded(
        boxes as tf.Tensor2D,
        scores as tf.Tensor1D,
        2,
        0.5,
        0,
        true,
      ),
    ),
  ],
  'image.threshold': [
    one('binary', [argument([4, 4, 1], 'int32', [0, 255])], (x) =>
      tf.image.threshold(x as tf.Tensor3D, 'binary', false, 0.4),
    ),
    one('otsu', [argument([4, 4, 1], 'int32', [0, 255])], (x) =>
      tf.image.threshold(x as tf.Tensor3D, 'otsu'),
    ),
  ],
  'image.rotateWithOffset': [
    float('an angle', [PICTURE], (x) => tf.image.rotateWithOffset(x as Image, 0.5)),
  ],
  'image.transform': [
    float('a projection', [PICTURE], (x) =>
      tf.image.transform(x as Image, tf.tensor2d([[1, 0, 1, 0, 1, 0, 0, 0]])),
    ),
  ],
};

function resizing(
  run: (x: Image, size: [number, number], align?: boolean, half?: boolean) => unknown,
): Case[] {
  return [
    float('smaller', [PICTURE], (x) => run(x as Image, [2, 3])),
    float('larger, alignCorners', [PICTURE], (x) => run(x as Image, [7, 6], true)),
    float('larger, halfPixelCenters', [PICTURE], (x) => run(x as Image, [7, 6], false, true)),
    one('int32', [argument(PICTURE, 'int32')], (x) => run(x as Image, [2, 3])),
  ];
}

const parts = (z: tf.Tensor): tf.Tensor[] => [tf.real(z), tf.imag(z)];
const complex = (re?: tf.Tensor, im?: tf.Tensor): tf.Tensor =>
  tf.complex(re as tf.Tensor, im as tf.Tensor);

const spectra: Cases = {
  real: [float('of a complex', [[3], [3]], (re, im) => tf.real(complex(re, im)))],
  imag: [float('of a complex', [[3], [3]], (re, im) => tf.imag(complex(re, im)))],
  fft: [
    float(
      'rows',
      [
        [2, 4],
        [2, 4],
      ],
      (re, im) => parts(tf.fft(complex(re, im))),
    ),
  ],
  ifft: [
    float(
      'rows',
      [
        [2, 4],
        [2, 4],
      ],
      (re, im) => parts(tf.ifft(complex(re, im))),
    ),
  ],
  rfft: [
    float('rows', [[2, 4]], (x) => parts(tf.rfft(x as tf.Tensor))),
    float('a length', [[2, 4]], (x) => parts(tf.rfft(x as tf.Tensor, 6))),
  ],
  irfft: [
    float(
      'rows',
      [
        [2, 5],
        [2, 5],
      ],
      (re, im) => tf.irfft(complex(re, im)),
    ),
  ],
  'signal.hammingWindow': [float('a length', [[]], () => tf.signal.hammingWindow(5))],
  'signal.hannWindow': [float('a length', [[]], () => tf.signal.hannWindow(5))],
  'signal.frame': [float('padded', [[9]], (x) => tf.signal.frame(x as tf.Tensor1D, 4, 2, true))],
  'signal.stft': [float('windows', [[9]], (x) => parts(tf.signal.stft(x as tf.Tensor1D, 4, 2)))],
};

const { NONE, MEAN, SUM, SUM_BY_NONZERO_WEIGHTS } = tf.Reduction;

/** Each reduction, and weights. */
const loss = (
  run: (
    labels: tf.Tensor,
    outputs: tf.Tensor,
    weights?: tf.Tensor,
    reduction?: tf.Reduction,
  ) => unknown,
  to: readonly [number, number] = [0, 1],
  weighted: readonly number[] = [4, 3],
): Case[] => {
  const both = [argument([4, 3], 'float32', to), argument([4, 3], 'float32', to)];
  return [
    one('defaults', both, (labels, outputs) => run(labels as tf.Tensor, outputs as tf.Tensor)),
    ...[NONE, MEAN, SUM, SUM_BY_NONZERO_WEIGHTS].map((reduction) =>
      one(
        `weights, reduction ${tf.Reduction[reduction]}`,
        [...both, argument(weighted, 'float32', [0.5, 2])],
        (labels, outputs, weights) =>
          run(labels as tf.Tensor, outputs as tf.Tensor, weights, reduction),
      ),
    ),
  ];
};

const { losses: of } = tf;
const losses: Cases = {
  'losses.absoluteDifference': loss((...args) => of.absoluteDifference(...args)),
  'losses.computeWeightedLoss': loss((labels, _, ...rest) =>
    of.computeWeightedLoss(labels, ...rest),
  ),
  'losses.cosineDistance': loss(
    (y, x, ...rest) => of.cosineDistance(y, x, 1, ...rest),
    [0, 1],
    [4, 1],
  ),
  'losses.hingeLoss': loss((...args) => of.hingeLoss(...args)),
  'losses.huberLoss': loss((y, x, w, reduction) => of.huberLoss(y, x, w, 0.2, reduction)),
  'losses.logLoss': loss((y, x, w, reduction) => of.logLoss(y, x, w, 1e-5, reduction)),
  'losses.meanSquaredError': loss((...args) => of.meanSquaredError(...args)),
  'losses.sigmoidCrossEntropy': loss((y, x, w, r) => of.sigmoidCrossEntropy(y, x, w, 0.1, r)),
  'losses.softmaxCrossEntropy': loss(
    (y, x, w, r) => of.softmaxCrossEntropy(y, x, w, 0.1, r),
    [0, 1],
    [4],
  ),
};

export const networks: Cases = {
  ...matrices,
  ...convolutions,
  ...normalisation,
  ...images,
  ...spectra,
  ...losses,
};
