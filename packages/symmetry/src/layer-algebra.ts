import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import type { Builder } from './builder.ts';
import { inOrder, type Wire } from './circuit.ts';
import { type Algebra, describedAs } from './describe-layer.ts';

/** What the graph says about a call of a layer. */
export interface Call {
  /** The size of the last axis of the output. */
  readonly size: number;
  /** The rank of the first input. */
  readonly rank: number;
}

/** Lowers a layer, applied to wires, into operations; null where it does not fit and is opaque. */
type Rule = (layer: Properties, inputs: readonly Wire[], to: Builder, call: Call) => Wire | null;

/** What tfjs-layers declares private: weights, activations and settings of a layer. */
interface Properties extends layers.Layer {
  readonly kernel: LayerVariable;
  readonly depthwiseKernel: LayerVariable;
  readonly pointwiseKernel: LayerVariable;
  readonly recurrentKernel: LayerVariable;
  readonly embeddings: LayerVariable;
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

const named = (layer: Properties): string | undefined => layer.activation?.getClassName();
const first = (inputs: readonly Wire[]): Wire => inputs[0] as Wire;

const identity =
  (how: 'linear' | 'homogeneous', shifts = how === 'linear'): Rule =>
  (_, [x], to) =>
    to.map(how, x as Wire, { shifts });

const combined =
  (by: 'sum' | 'mean' | 'choice', how: 'linear' | 'homogeneous'): Rule =>
  (_, inputs, to) =>
    to.combine(inputs, by, how);

/** Zeros drawn anew for each channel, which keeps its scale; but channels must not mix or be shifted. */
const dropped = (rate: number | undefined, x: Wire, to: Builder): Wire =>
  rate === 0 ? x : to.map('homogeneous', x);

const dropout: Rule = (layer, inputs, to) => dropped(layer.rate, first(inputs), to);

const dense: Rule = (layer, inputs, to) =>
  to.activation(named(layer), to.bias(layer.bias, to.matmul(layer.kernel, first(inputs))));

const lastAxis = (rule: Rule): Rule => {
  return (layer, inputs, to, call) =>
    layer.dataFormat === 'channelsFirst' ? null : rule(layer, inputs, to, call);
};

const convolution = (axes: { input: number; output: number }): Rule =>
  lastAxis((layer, inputs, to) => {
    // Zeros around the border are not shifted with the rest; a transposed kernel overlaps there.
    const shifts = layer.padding === 'valid' && axes.output === -1;
    const y = to.matmul(layer.kernel, first(inputs), axes, shifts);
    return to.activation(named(layer), to.bias(layer.bias, y));
  });

/** A gain for each output, [height, width, inputs, multiplier]. */
function depthwise(layer: Properties, x: Wire, to: Builder): Wire {
  const each = layer.depthwiseKernel.shape[3] as number;
  const from = inOrder(x.size * each).map((i) => Math.floor(i / each));
  return to.gain(layer.depthwiseKernel, x, {
    axes: [2, 3],
    from,
    shifts: layer.padding === 'valid',
  });
}

/** The channels of the last axis, over and over: what reshaping to a longer last axis gives. */
const reshaped: Rule = (_, [x], to, { size }) => {
  const channels = (x as Wire).size;
  if (channels === 0 || size === 0 || size % channels !== 0) return null;
  return to.map('linear', x as Wire, { from: inOrder(size).map((i) => i % channels) });
};

/** Gates are not homogeneous, so only the kernel that reads the input can move. */
const gated: Rule = ({ cell }, inputs, to, { size }) => {
  const x = dropped(cell.dropout, first(inputs), to);
  return to.opaque([to.bias(cell.bias, to.matmul(cell.kernel, x)), ...inputs.slice(1)], size);
};

/** The axes that a normalisation names, counted from the start. */
const axesOf = (axis: number | readonly number[] | undefined, rank: number): number[] =>
  [axis ?? -1].flat().map((each) => (each < 0 ? each + rank : each));

/** Over the channels alone; tfjs has no softmax along another single axis. */
const softmax: Rule = (layer, inputs, to, { rank }) => {
  const axes = axesOf(layer.axis, rank);
  return axes.length === 1 && axes[0] === rank - 1 ? to.activation('softmax', first(inputs)) : null;
};

const batchNormalization: Rule = (layer, inputs, to, { rank }) => {
  if (axesOf(layer.axis, rank)[0] !== rank - 1) return null;
  const { movingMean: mean, movingVariance: variance } = layer;
  const y = to.normalise(first(inputs), 'positions', true, { mean, variance });
  return to.bias(layer.beta, to.gain(layer.gamma, y));
};

/** Over the channels, or over positions, where gain and bias are not those of channels. */
const layerNormalization: Rule = (layer, inputs, to, { size, rank }) => {
  const [x, axes] = [first(inputs), axesOf(layer.axis, rank)];
  const overChannels = axes.includes(rank - 1);
  // One channel less its mean is zero.
  if (overChannels && size === 1) return null;
  if (!overChannels) return to.opaque([to.normalise(x, 'positions', true)], size);
  // The mean over positions too does not see a constant, but sees what an input adds at each position.
  if (axes.length > 1) return to.opaque([to.normalise(x, 'channels', false)], size);
  return to.bias(layer.beta, to.gain(layer.gamma, to.normalise(x, 'channels', true)));
};

const RULES: Readonly<Record<string, Rule>> = {
  Dense: dense,
  Embedding: (layer, inputs, to) => {
    to.fix(first(inputs));
    return to.matmul(layer.embeddings, null);
  },
  Conv1D: convolution({ input: -2, output: -1 }),
  Conv2D: convolution({ input: -2, output: -1 }),
  Conv3D: convolution({ input: -2, output: -1 }),
  Conv2DTranspose: convolution({ input: -1, output: -2 }),
  Conv3DTranspose: convolution({ input: -1, output: -2 }),
  DepthwiseConv2D: lastAxis((layer, inputs, to) =>
    to.activation(named(layer), to.bias(layer.bias, depthwise(layer, first(inputs), to))),
  ),
  SeparableConv2D: lastAxis((layer, inputs, to) => {
    const y = to.matmul(layer.pointwiseKernel, depthwise(layer, first(inputs), to));
    return to.activation(named(layer), to.bias(layer.bias, y));
  }),
  GRU: gated,
  LSTM: gated,
  SimpleRNN: gated,
  Softmax: softmax,
  Activation: (layer, inputs, to) => to.activation(named(layer), first(inputs)),
  ReLU: (layer, inputs, to) =>
    layer.maxValue == null ? to.map('homogeneous', first(inputs)) : null,
  LeakyReLU: identity('homogeneous'),
  PReLU: identity('homogeneous'),
  Dropout: dropout,
  GaussianDropout: dropout,
  SpatialDropout1D: dropout,
  Flatten: lastAxis(reshaped),
  Reshape: reshaped,
  RepeatVector: identity('linear'),
  Permute: (layer, inputs, to) =>
    layer.dims?.at(-1) === layer.dims?.length ? to.map('linear', first(inputs)) : null,
  Cropping2D: lastAxis(identity('linear')),
  UpSampling2D: lastAxis(identity('linear')),
  ZeroPadding2D: lastAxis(identity('linear', false)),
  // A mean over what lies inside, and a maximum, of values to which a constant was added: that constant more.
  AveragePooling1D: identity('linear'),
  AveragePooling2D: lastAxis(identity('linear')),
  AveragePooling3D: lastAxis(identity('linear')),
  GlobalAveragePooling1D: identity('linear'),
  GlobalAveragePooling2D: lastAxis(identity('linear')),
  MaxPooling1D: identity('homogeneous', true),
  MaxPooling2D: lastAxis(identity('homogeneous', true)),
  MaxPooling3D: lastAxis(identity('homogeneous', true)),
  GlobalMaxPooling1D: identity('homogeneous', true),
  GlobalMaxPooling2D: lastAxis(identity('homogeneous', true)),
  Add: combined('sum', 'linear'),
  Average: combined('mean', 'linear'),
  Maximum: combined('choice', 'homogeneous'),
  Minimum: combined('choice', 'homogeneous'),
  Multiply: (_, inputs, to) => to.product(inputs),
  Concatenate: (layer, inputs, to, { rank }) =>
    axesOf(layer.axis, rank)[0] === rank - 1
      ? to.concatenate(inputs)
      : to.combine(inputs, 'choice', 'linear'),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};

/** A layer of a class that was described, with weights found by rank and name. */
function described(algebra: Algebra, layer: layers.Layer, inputs: readonly Wire[], to: Builder) {
  const x = first(inputs);
  if (algebra === 'opaque') return null;
  if (typeof algebra === 'object') return bilinear(algebra, inputs, to);
  const kernels = layer.weights.filter(({ shape }) => shape.length > 1);
  const vectors = layer.weights.filter(({ shape }) => shape.length === 1);
  const added = vectors.filter(({ originalName }) => /(^|\/)(bias|beta)$/.test(originalName));
  const gains = vectors.filter((vector) => !added.includes(vector));
  if (algebra === 'normalising') {
    if (kernels.length > 0 || inputs.length > 1) return null;
    let y = to.normalise(x, 'channels');
    for (const gain of gains) y = to.gain(gain, y);
    for (const vector of added) y = to.bias(vector, y);
    return y;
  }
  const [kernel] = kernels;
  if (gains.length > 0 || kernels.length > 1 || (kernel !== undefined && inputs.length > 1))
    return null;
  let y = inputs.length > 1 ? to.combine(inputs) : x;
  if (kernel !== undefined) y = to.matmul(kernel, x, undefined, false);
  else y = to.map('linear', y, { shifts: false });
  for (const vector of added) y = to.bias(vector, y);
  return algebra === 'homogeneous' ? to.map('homogeneous', y) : y;
}

function bilinear(
  algebra: Exclude<Algebra, string>,
  inputs: readonly Wire[],
  to: Builder,
): Wire | null {
  if ('product' in algebra) {
    if (algebra.product.length !== inputs.length) return null;
    const terms = inputs.map((x, at) => {
      const how = algebra.product[at];
      if (how === 'linear') return x;
      return how === 'homogeneous' ? to.map('homogeneous', x) : to.opaque([x], x.size);
    });
    return to.product(terms);
  }
  const { heads, keyHeads = heads, rotary } = algebra.attention;
  const [query, key, x] = inputs;
  if (query === undefined || key === undefined || x === undefined) return null;
  const width = key.size / keyHeads;
  if (query.size !== width * heads || x.size % keyHeads !== 0 || width % 1 !== 0) return null;
  const half = width / 2;
  const pairs =
    rotary === undefined
      ? null
      : inOrder(width).map((i) =>
          rotary === 'halves' ? (i + half) % width : i % 2 === 0 ? i + 1 : i - 1,
        );
  to.operations.push({ type: 'score', query, key, heads, keyHeads, pairs });
  const y = { size: (x.size / keyHeads) * heads };
  to.operations.push({ type: 'mix', x, y, heads, keyHeads });
  return y;
}

/**
 * The operations of a layer on the given wires, and the wire of its output. A class of tfjs that was extended
 * under its old name is opaque, since it may compute something else.
 */
export function lower(
  layer: layers.Layer,
  inputs: readonly Wire[],
  to: Builder,
  call: Call,
): Wire {
  const algebra = describedAs(layer);
  const before = to.operations.length;
  const className = layer.getClassName();
  const y =
    algebra !== null
      ? described(algebra, layer, inputs, to)
      : Object.hasOwn(RULES, className) && Object.hasOwn(layer.constructor, 'className')
        ? (RULES[className] as Rule)(layer as Properties, inputs, to, call)
        : null;
  if (y !== null && y.size === call.size) return y;
  to.operations.length = before;
  return to.opaque(inputs, call.size);
}
