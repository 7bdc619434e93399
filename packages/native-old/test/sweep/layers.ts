/** Every layer, loss and metric of tfjs-layers, with the options that change what runs in a step. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfLayers from '@tensorflow/tfjs-layers';

const { layers, regularizers } = tfLayers;
type Layer = tfLayers.layers.Layer;
type Symbolic = tfLayers.SymbolicTensor;

export interface LayerCase {
  readonly label: string;
  /** Shapes of the inputs without the batch. */
  readonly inputs: readonly (readonly number[])[];
  readonly make: () => Layer;
  /** Inputs are whole numbers below it. */
  readonly below?: number;
  /** Whether the layer draws random numbers in training. */
  readonly isRandom?: boolean;
}

// tfjs' default needs chained operations, which the union package alone registers.
const start = { recurrentInitializer: 'zeros' } as const;

/** One case for each set of options, on one input of this shape. */
const on = <C extends object>(
  shape: readonly number[],
  make: (options: C) => unknown,
  options: Readonly<Record<string, C>>,
  more: Partial<LayerCase> = {},
): LayerCase[] =>
  Object.entries(options).map(([label, config]) => ({
    label,
    inputs: [shape],
    make: () => make(config) as Layer,
    ...more,
  }));

/** Two inputs of one shape. */
const merging = (make: () => unknown, a: number[] = [3], b: number[] = a): LayerCase[] => [
  { label: 'two inputs', inputs: [a, b], make: () => make() as Layer },
];

const ACTIVATIONS = [
  ...['elu', 'selu', 'relu', 'relu6', 'linear', 'sigmoid', 'hardSigmoid', 'softplus', 'softsign'],
  ...['tanh', 'softmax', 'logSoftmax', 'gelu', 'gelu_new', 'mish', 'swish'],
] as const;

const activations = Object.fromEntries(
  ACTIVATIONS.map((activation) => [activation, { activation: activation as 'relu' }]),
);

const image = [6, 5, 2];
const series = [4, 3];
const kernel = { filters: 3, kernelSize: 2 };
const convolutions = {
  valid: kernel,
  'same, strides': { ...kernel, padding: 'same', strides: 2 },
  'no bias, activation': { ...kernel, useBias: false, activation: 'tanh' },
  'channels first': { ...kernel, dataFormat: 'channelsFirst' },
} as const;
const dilated = { dilation: { ...kernel, dilationRate: 2 } };
const recurrent = {
  'last output': { ...start, units: 3 },
  sequences: { ...start, units: 3, returnSequences: true },
  'backwards, unrolled': { ...start, units: 3, goBackwards: true, unroll: true },
  'no bias, relu': { ...start, units: 3, useBias: false, activation: 'relu' },
} as const;
const dropped = { dropout: { ...start, units: 3, dropout: 0.3, recurrentDropout: 0.3 } };
const cell = (): never => layers.gruCell({ ...start, units: 3 }) as never;
const pools = {
  defaults: {},
  'same, strides': { poolSize: 2, strides: 1, padding: 'same' },
} as const;

const recurrentCases = (make: (options: never) => unknown): LayerCase[] => [
  ...on(series, make as (options: object) => unknown, recurrent),
  ...on(series, make as (options: object) => unknown, dropped, { isRandom: true }),
];

export const layerCases: Readonly<Record<string, readonly LayerCase[]>> = {
  activation: on([4], layers.activation, activations),
  add: merging(() => layers.add()),
  alphaDropout: on([4], layers.alphaDropout, { rate: { rate: 0.3 } }, { isRandom: true }),
  average: merging(() => layers.average()),
  averagePooling1d: on(series, layers.averagePooling1d, pools as never),
  averagePooling2d: on(image, layers.averagePooling2d, pools as never),
  averagePooling3d: on([4, 4, 4, 2], layers.averagePooling3d, pools as never),
  batchNormalization: on(image, layers.batchNormalization, {
    defaults: {},
    'axis, no center, no scale': { axis: 1, center: false, scale: false, momentum: 0.5 },
  }),
  bidirectional: [
    ...(['concat', 'sum', 'mul', 'ave'] as const).map((mergeMode) => ({
      label: mergeMode,
      inputs: [series],
      make: () =>
        layers.bidirectional({ layer: layers.lstm({ ...start, units: 2 }) as never, mergeMode }),
    })),
    {
      label: 'dropout',
      inputs: [series],
      make: () =>
        layers.bidirectional({ layer: layers.lstm(dropped.dropout) as never, mergeMode: 'sum' }),
      isRandom: true,
    },
  ],
  categoryEncoding: on(
    [1],
    layers.categoryEncoding,
    {
      oneHot: { numTokens: 4, outputMode: 'oneHot' },
      multiHot: { numTokens: 4, outputMode: 'multiHot' },
    },
    { below: 4 },
  ),
  centerCrop: on(image, layers.centerCrop, { smaller: { height: 3, width: 3 } }),
  concatenate: merging(() => layers.concatenate()),
  conv1d: on(series, layers.conv1d, {
    valid: kernel,
    'causal, dilation': { ...kernel, padding: 'causal', dilationRate: 2 },
    'same, strides': { ...kernel, padding: 'same', strides: 2 },
  }),
  conv2d: on(image, layers.conv2d, { ...convolutions, ...dilated }),
  conv2dTranspose: on(image, layers.conv2dTranspose, convolutions),
  conv3d: on([4, 4, 3, 2], layers.conv3d, convolutions as never),
  conv3dTranspose: on([3, 3, 2, 2], layers.conv3dTranspose, {
    valid: kernel,
    'same, strides': convolutions['same, strides'],
  }),
  convLstm2d: [
    ...on([2, 4, 4, 2], layers.convLstm2d, {
      'last output': { ...start, ...kernel },
      sequences: { ...start, ...kernel, returnSequences: true, padding: 'same' },
    }),
    ...on(
      [2, 4, 4, 2],
      layers.convLstm2d,
      { dropout: { ...start, ...kernel, dropout: 0.3, recurrentDropout: 0.3 } },
      { isRandom: true },
    ),
  ],
  convLstm2dCell: on(
    [2, 4, 4, 2],
    () => layers.rnn({ cell: layers.convLstm2dCell({ ...start, ...kernel }) as never }),
    {
      'in an rnn': {},
    },
  ),
  cropping2D: on(image, layers.cropping2D, {
    both: {
      cropping: [
        [1, 1],
        [0, 2],
      ],
    },
  }),
  dense: on([4], layers.dense, {
    ...{ defaults: { units: 3 }, 'no bias': { units: 3, useBias: false } },
    ...Object.fromEntries(
      ACTIVATIONS.map((activation) => [activation, { units: 3, activation: activation as 'relu' }]),
    ),
    regularizers: {
      units: 3,
      kernelRegularizer: regularizers.l2({ l2: 0.1 }),
      biasRegularizer: regularizers.l1({ l1: 0.1 }),
    },
    constraint: { units: 3, kernelConstraint: 'maxNorm' },
  }),
  depthwiseConv2d: on(image, layers.depthwiseConv2d, {
    valid: { kernelSize: 2 },
    'same, depthMultiplier': { kernelSize: 3, padding: 'same', depthMultiplier: 2, strides: 2 },
  }),
  dot: [
    ...merging(() => layers.dot({ axes: -1 })),
    ...merging(() => layers.dot({ axes: -1, normalize: true })).map((each) => ({
      ...each,
      label: 'normalized',
    })),
    ...merging(() => layers.dot({ axes: [2, 2] as never }), [2, 3], [4, 3]).map((each) => ({
      ...each,
      label: 'sequences',
    })),
  ],
  dropout: on(
    [4],
    layers.dropout,
    { rate: { rate: 0.3 }, 'shape of noise': { rate: 0.3, noiseShape: [8, 1] } },
    { isRandom: true },
  ),
  elu: on([4], layers.elu, { defaults: {}, alpha: { alpha: 0.5 } }),
  embedding: [
    ...on([3], layers.embedding, { defaults: { inputDim: 5, outputDim: 4 } }, { below: 5 }),
    ...on(
      [3],
      layers.embedding,
      {
        regularizer: {
          inputDim: 5,
          outputDim: 4,
          embeddingsRegularizer: regularizers.l2({ l2: 0.1 }),
        },
      },
      { below: 5 },
    ),
  ],
  flatten: on<object>(image, layers.flatten, {
    defaults: {},
    'channels first': { dataFormat: 'channelsFirst' },
  }),
  gaussianDropout: on([4], layers.gaussianDropout, { rate: { rate: 0.3 } }, { isRandom: true }),
  gaussianNoise: on([4], layers.gaussianNoise, { stddev: { stddev: 0.3 } }, { isRandom: true }),
  globalAveragePooling1d: on(series, layers.globalAveragePooling1d, { defaults: {} }),
  globalAveragePooling2d: on(image, layers.globalAveragePooling2d, {
    defaults: {} as never,
    'channels first': { dataFormat: 'channelsFirst' },
  }),
  globalMaxPooling1d: on(series, layers.globalMaxPooling1d, { defaults: {} }),
  globalMaxPooling2d: on(image, layers.globalMaxPooling2d, {
    defaults: {} as never,
    'channels first': { dataFormat: 'channelsFirst' },
  }),
  gru: [...recurrentCases(layers.gru)],
  gruCell: on(series, () => layers.rnn({ cell: cell() }), { 'in an rnn': {} }),
  layerNormalization: on(series, layers.layerNormalization, {
    defaults: {},
    'two axes': { axis: [1, 2] },
    'no center, no scale': { center: false, scale: false },
  }),
  leakyReLU: on([4], layers.leakyReLU, { defaults: {}, alpha: { alpha: 0.5 } }),
  lstm: [
    ...recurrentCases(layers.lstm),
    ...on(series, layers.lstm, {
      'no unit forget bias': {
        ...start,
        units: 3,
        unitForgetBias: false,
        recurrentActivation: 'sigmoid',
      },
    }),
  ],
  lstmCell: on(
    series,
    () => layers.rnn({ cell: layers.lstmCell({ ...start, units: 3 }) as never }),
    { 'in an rnn': {} },
  ),
  masking: on(series, layers.masking, { defaults: {}, value: { maskValue: 1 } }),
  maximum: merging(() => layers.maximum()),
  maxPooling1d: on(series, layers.maxPooling1d, pools as never),
  maxPooling2d: on(image, layers.maxPooling2d, pools as never),
  maxPooling3d: on([4, 4, 4, 2], layers.maxPooling3d, pools as never),
  minimum: merging(() => layers.minimum()),
  multiply: merging(() => layers.multiply()),
  permute: on(series, layers.permute, { swapped: { dims: [2, 1] } }),
  prelu: on(series, layers.prelu, { defaults: {}, 'shared axes': { sharedAxes: [1] } }),
  randomWidth: on(
    image,
    layers.randomWidth,
    { factor: { factor: 0.5 } as never },
    { isRandom: true },
  ),
  reLU: on([4], layers.reLU, { defaults: {}, maximum: { maxValue: 0.5 } }),
  repeatVector: on([4], layers.repeatVector, { thrice: { n: 3 } }),
  rescaling: on(image, layers.rescaling, { both: { scale: 0.5, offset: 1 } }),
  reshape: on(image, layers.reshape, { another: { targetShape: [5, 12] } }),
  resizing: on(image, layers.resizing, {
    bilinear: { height: 3, width: 3 } as never,
    nearest: { height: 8, width: 9, interpolation: 'nearest' } as never,
  }),
  rnn: on(series, () => layers.rnn({ cell: [cell(), cell()] as never }), { 'stacked cells': {} }),
  separableConv2d: on(image, layers.separableConv2d, {
    valid: kernel,
    'same, depthMultiplier': { ...kernel, padding: 'same', depthMultiplier: 2, strides: 2 },
  }),
  simpleRNN: recurrentCases(layers.simpleRNN),
  simpleRNNCell: on(
    series,
    () => layers.rnn({ cell: layers.simpleRNNCell({ ...start, units: 3 }) as never }),
    { 'in an rnn': {} },
  ),
  softmax: on(series, layers.softmax, { defaults: {}, axis: { axis: 1 } }),
  spatialDropout1d: on(
    series,
    layers.spatialDropout1d,
    { rate: { rate: 0.3 } },
    { isRandom: true },
  ),
  stackedRNNCells: on(
    series,
    () => layers.rnn({ cell: layers.stackedRNNCells({ cells: [cell(), cell()] }) as never }),
    { 'in an rnn': {} },
  ),
  thresholdedReLU: on([4], layers.thresholdedReLU, { defaults: {}, theta: { theta: 0.2 } }),
  timeDistributed: on(series, () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }), {
    dense: {},
  }),
  upSampling2d: on(image, layers.upSampling2d, {
    defaults: {},
    size: { size: [2, 3] },
    bilinear: { interpolation: 'bilinear' },
  }),
  zeroPadding2d: on<object>(image, layers.zeroPadding2d, {
    defaults: {},
    sides: {
      padding: [
        [1, 0],
        [0, 2],
      ],
    },
  }),
};

/** Not layers by themselves: base classes, inputs, and second names of the same layers. */
export const NOT_LAYERS: readonly string[] = [
  ...['Layer', 'RNN', 'RNNCell', 'input', 'inputLayer', 'avgPool1d', 'avgPool2d', 'avgPool3d'],
  ...['avgPooling1d', 'avgPooling2d', 'avgPooling3d', 'maxPool1d', 'maxPool2d'],
  ...['globalMaxPool1d', 'globalMaxPool2d'],
];

/** A model of the layer, flattened and followed by a dense layer. */
export function modelWith({ inputs, make }: LayerCase): tfLayers.LayersModel {
  const symbolic = inputs.map((shape) => tfLayers.input({ shape: [...shape] }));
  const output = make().apply(symbolic.length === 1 ? (symbolic[0] as Symbolic) : symbolic);
  const one = output as Symbolic;
  const flat = one.shape.length > 2 ? (layers.flatten().apply(one) as Symbolic) : one;
  const model = tfLayers.model({
    inputs: symbolic,
    outputs: layers.dense({ units: 2 }).apply(flat) as Symbolic,
  });
  model.compile({ optimizer: tf.train.sgd(0.05), loss: 'meanSquaredError' });
  return model;
}

export const LOSSES = [
  ...['meanSquaredError', 'meanAbsoluteError', 'meanAbsolutePercentageError'],
  ...['meanSquaredLogarithmicError', 'squaredHinge', 'hinge', 'categoricalHinge', 'logcosh'],
  ...['categoricalCrossentropy', 'sparseCategoricalCrossentropy', 'binaryCrossentropy'],
  ...['kullbackLeiblerDivergence', 'poisson', 'cosineProximity'],
] as const;

export const METRICS = [
  ...[
    'accuracy',
    'acc',
    'crossentropy',
    'ce',
    'binaryAccuracy',
    'categoricalAccuracy',
    'precision',
  ],
  ...['categoricalCrossentropy', 'sparseCategoricalCrossentropy', 'mse', 'MSE', 'mae', 'MAE'],
  ...['mape', 'MAPE', 'cosine'],
] as const;
