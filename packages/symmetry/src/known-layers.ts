import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { type Kernel, kernelsWithAxes } from '@tfjs-lrm/core/kit';
import type { Builder } from './builder.ts';
import { inOrder, type Wire } from './circuit.ts';

/** A call of a layer, as the graph describes it. */
export interface Call {
  /** The size of the last axis of the output. */
  readonly size: number;
  /** The rank of the first input. */
  readonly rank: number;
}

/** Turns a call of a layer into operations; null if the layer is opaque. */
type Rule = (layer: Properties, inputs: readonly Wire[], to: Builder, call: Call) => Wire | null;

/** Properties of layers that tfjs-layers declares private: weights, activations and settings. */
interface Properties extends layers.Layer {
  readonly bias?: LayerVariable | null;
  readonly gamma?: LayerVariable | null;
  readonly beta?: LayerVariable | null;
  readonly movingMean: LayerVariable;
  readonly movingVariance: LayerVariable;
  readonly activation?: { getClassName(): string } | null;
  readonly padding?: string;
  readonly dataFormat?: string;
  readonly axis?: number | readonly number[];
  readonly maxValue?: number | null;
  readonly dims?: readonly number[];
  readonly dropout?: number;
  readonly rate?: number;
  readonly cell: Properties;
}

type How = 'linear' | 'homogeneous';

const first = (inputs: readonly Wire[]): Wire => inputs[0] as Wire;

const kernelsOf = (layer: layers.Layer): [Kernel, Kernel] =>
  kernelsWithAxes(layer) as unknown as [Kernel, Kernel];

/** Adds the bias and applies the activation, if the layer has them. */
const finished = (layer: Properties, y: Wire, to: Builder): Wire =>
  to.activation(layer.activation?.getClassName(), to.bias(layer.bias, y));

const identity =
  (how: How, shifts = how === 'linear'): Rule =>
  (_, inputs, to) =>
    to.map(how, first(inputs), { shifts });

const combined =
  (by: 'sum' | 'mean' | 'choice', how: How): Rule =>
  (_, inputs, to) =>
    to.combine(inputs, by, how);

/** A rule that holds only if the channels are the last axis. */
const channelsLast =
  (rule: Rule): Rule =>
  (layer, inputs, to, call) =>
    layer.dataFormat === 'channelsFirst' ? null : rule(layer, inputs, to, call);

const dense: Rule = (layer, inputs, to) =>
  finished(layer, to.matmul(kernelsOf(layer)[0], first(inputs)), to);

const convolution: Rule = channelsLast((layer, inputs, to) => {
  const [kernel] = kernelsOf(layer);
  // The zeros around the border do not shift with the rest; a transposed kernel overlaps there.
  const isTransposed = kernel.axes.column[0] === -1;
  const shifts = layer.padding === 'valid' && !isTransposed;
  return finished(layer, to.matmul(kernel, first(inputs), shifts), to);
});

/** A gain for each output, [height, width, inputs, multiplier]. */
function depthwise(layer: Properties, x: Wire, to: Builder): Wire {
  const [{ kernel }] = kernelsOf(layer);
  const each = kernel.shape.at(-1) as number;
  const from = inOrder(x.size * each).map((i) => Math.floor(i / each));
  return to.gain(kernel, x, { axes: [2, 3], from, shifts: layer.padding === 'valid' });
}

/** Random zeros or factors, as in dropout: channels keep their scale and do not mix, but constants do not pass. */
const dropped = (rate: number | undefined, x: Wire, to: Builder): Wire =>
  rate === 0 ? x : to.map('homogeneous', x);

const dropout: Rule = (layer, inputs, to) => dropped(layer.rate, first(inputs), to);

/** The channels of the last axis, repeated, as reshaping to a longer last axis gives them. */
const reshaped: Rule = (_, inputs, to, { size }) => {
  const x = first(inputs);
  if (x.size === 0 || size === 0 || size % x.size !== 0) return null;
  return to.map('linear', x, { from: inOrder(size).map((i) => i % x.size) });
};

/** A recurrent layer: gates are not homogeneous, so only the kernel that reads the input can move. */
const gated: Rule = (layer, inputs, to, { size }) => {
  const { cell } = layer;
  const [kernel] = kernelsOf(layer);
  const x = dropped(cell.dropout, first(inputs), to);
  return to.opaque([to.bias(cell.bias, to.matmul(kernel, x)), ...inputs.slice(1)], size);
};

/** The axes that a layer names, counted from the start. */
const axesOf = ({ axis = -1 }: Properties, rank: number): number[] =>
  [axis].flat().map((each) => (each < 0 ? each + rank : each));

/** Softmax over the channels; tfjs has none along another single axis. */
const softmax: Rule = (layer, inputs, to, { rank }) => {
  const axes = axesOf(layer, rank);
  return axes.length === 1 && axes[0] === rank - 1 ? to.activation('softmax', first(inputs)) : null;
};

const batchNormalization: Rule = (layer, inputs, to, { rank }) => {
  if (axesOf(layer, rank)[0] !== rank - 1) return null;
  const { movingMean: mean, movingVariance: variance } = layer;
  const y = to.normalise(first(inputs), 'positions', true, { mean, variance });
  return to.bias(layer.beta, to.gain(layer.gamma, y));
};

/** Normalisation over the channels, or over positions, where gain and bias do not belong to channels. */
const layerNormalization: Rule = (layer, inputs, to, { size, rank }) => {
  const [x, axes] = [first(inputs), axesOf(layer, rank)];
  const overChannels = axes.includes(rank - 1);
  // A single channel minus its mean is zero.
  if (overChannels && size === 1) return null;
  if (!overChannels) return to.opaque([to.normalise(x, 'positions', true)], size);
  // If the mean is over positions too, constants have no effect, but differences between positions do.
  if (axes.length > 1) return to.opaque([to.normalise(x, 'channels', false)], size);
  return to.bias(layer.beta, to.gain(layer.gamma, to.normalise(x, 'channels', true)));
};

/** The layers of tfjs that are not opaque. */
export const KNOWN_LAYERS: Readonly<Record<string, Rule>> = {
  Dense: dense,
  Embedding: (layer, inputs, to) => {
    to.fix(first(inputs));
    return to.matmul(kernelsOf(layer)[0], null);
  },
  Conv1D: convolution,
  Conv2D: convolution,
  Conv3D: convolution,
  Conv2DTranspose: convolution,
  Conv3DTranspose: convolution,
  DepthwiseConv2D: channelsLast((layer, inputs, to) =>
    finished(layer, depthwise(layer, first(inputs), to), to),
  ),
  SeparableConv2D: channelsLast((layer, inputs, to) => {
    const [, pointwise] = kernelsOf(layer);
    return finished(layer, to.matmul(pointwise, depthwise(layer, first(inputs), to)), to);
  }),
  GRU: gated,
  LSTM: gated,
  SimpleRNN: gated,
  Softmax: softmax,
  Activation: (layer, inputs, to) => finished(layer, first(inputs), to),
  ReLU: (layer, inputs, to) =>
    layer.maxValue == null ? to.map('homogeneous', first(inputs)) : null,
  LeakyReLU: identity('homogeneous'),
  PReLU: identity('homogeneous'),
  Dropout: dropout,
  GaussianDropout: dropout,
  SpatialDropout1D: dropout,
  Flatten: channelsLast(reshaped),
  Reshape: reshaped,
  RepeatVector: identity('linear'),
  Permute: (layer, inputs, to) =>
    layer.dims?.at(-1) === layer.dims?.length ? to.map('linear', first(inputs)) : null,
  Cropping2D: channelsLast(identity('linear')),
  UpSampling2D: channelsLast(identity('linear')),
  ZeroPadding2D: channelsLast(identity('linear', false)),
  // Adding a constant to values adds it to their mean and to their maximum.
  AveragePooling1D: identity('linear'),
  AveragePooling2D: channelsLast(identity('linear')),
  AveragePooling3D: channelsLast(identity('linear')),
  GlobalAveragePooling1D: identity('linear'),
  GlobalAveragePooling2D: channelsLast(identity('linear')),
  MaxPooling1D: identity('homogeneous', true),
  MaxPooling2D: channelsLast(identity('homogeneous', true)),
  MaxPooling3D: channelsLast(identity('homogeneous', true)),
  GlobalMaxPooling1D: identity('homogeneous', true),
  GlobalMaxPooling2D: channelsLast(identity('homogeneous', true)),
  Add: combined('sum', 'linear'),
  Average: combined('mean', 'linear'),
  Maximum: combined('choice', 'homogeneous'),
  Minimum: combined('choice', 'homogeneous'),
  Multiply: (_, inputs, to) => to.product(inputs),
  Concatenate: (layer, inputs, to, { rank }) =>
    axesOf(layer, rank)[0] === rank - 1
      ? to.concatenate(inputs)
      : to.combine(inputs, 'choice', 'linear'),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};
