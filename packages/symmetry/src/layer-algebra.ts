import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import type { Algebra, Bilinear } from '@tfjs-lrm/core/kit';
import type { Builder } from './builder.ts';
import { inOrder, type Wire } from './circuit.ts';
import { describedAs, weightNamed } from './describe-layer.ts';

/** Lowers a layer, applied to wires, into operations; null where it does not fit and is opaque. */
type Rule = (layer: Properties, inputs: readonly Wire[], to: Builder, size: number) => Wire | null;

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
  readonly cell: Properties;
}

const named = (layer: Properties): string | undefined => layer.activation?.getClassName();
const first = (inputs: readonly Wire[]): Wire => inputs[0] as Wire;

const identity =
  (how: 'linear' | 'homogeneous', shifts = how === 'linear'): Rule =>
  (_, [x], to) =>
    to.map(how, x as Wire, { shifts });

const combined =
  (how: 'linear' | 'homogeneous', shifts: boolean): Rule =>
  (_, inputs, to) =>
    to.add(inputs, how, shifts);

const dense: Rule = (layer, inputs, to) =>
  to.activation(named(layer), to.bias(layer.bias, to.matmul(layer.kernel, first(inputs))));

const lastAxis = (rule: Rule): Rule => {
  return (layer, inputs, to, size) =>
    layer.dataFormat === 'channelsFirst' ? null : rule(layer, inputs, to, size);
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
  return to.gain(layer.depthwiseKernel, x, [2, 3], from);
}

/** The channels of the last axis, over and over: what reshaping to a longer last axis gives. */
const reshaped: Rule = (_, [x], to, size) => {
  const channels = (x as Wire).size;
  if (channels === 0 || size % channels !== 0) return null;
  return to.map('linear', x as Wire, { from: inOrder(size).map((i) => i % channels) });
};

/** Gates are not homogeneous, so only the kernel that reads the input can move. */
const gated: Rule = (layer, inputs, to, size) => {
  const { kernel, bias } = layer.cell;
  return to.opaque([to.bias(bias, to.matmul(kernel, first(inputs))), ...inputs.slice(1)], size);
};

const RULES: Readonly<Record<string, Rule>> = {
  Dense: dense,
  Embedding: (layer, _, to) => to.matmul(layer.embeddings, null),
  Conv1D: convolution({ input: -2, output: -1 }),
  Conv2D: convolution({ input: -2, output: -1 }),
  Conv3D: convolution({ input: -2, output: -1 }),
  Conv2DTranspose: convolution({ input: -1, output: -2 }),
  Conv3DTranspose: convolution({ input: -1, output: -2 }),
  DepthwiseConv2D: lastAxis((layer, inputs, to) =>
    to.activation(named(layer), to.bias(layer.bias, depthwise(layer, first(inputs), to))),
  ),
  SeparableConv2D: lastAxis((layer, inputs, to) => {
    const y = to.matmul(layer.pointwiseKernel, depthwise(layer, first(inputs), to), undefined);
    return to.activation(named(layer), to.bias(layer.bias, y));
  }),
  GRU: gated,
  LSTM: gated,
  SimpleRNN: gated,
  Softmax: (_, [x], to) => to.activation('softmax', x as Wire),
  Activation: (layer, inputs, to) => to.activation(named(layer), first(inputs)),
  ReLU: (layer, inputs, to) =>
    layer.maxValue == null ? to.map('homogeneous', first(inputs)) : null,
  LeakyReLU: identity('homogeneous'),
  PReLU: identity('homogeneous'),
  // Zeros of its own choice: each channel keeps its scale, but channels must not mix.
  Dropout: identity('homogeneous'),
  AlphaDropout: () => null,
  SpatialDropout1D: identity('homogeneous'),
  Masking: () => null,
  Flatten: lastAxis(reshaped),
  Reshape: reshaped,
  RepeatVector: identity('linear'),
  Permute: (layer, inputs, to) =>
    layer.dims?.at(-1) === layer.dims?.length ? to.map('linear', first(inputs)) : null,
  Cropping2D: lastAxis(identity('linear')),
  UpSampling2D: lastAxis(identity('linear')),
  ZeroPadding2D: lastAxis(identity('linear', false)),
  AveragePooling1D: identity('linear', false),
  AveragePooling2D: lastAxis(identity('linear', false)),
  AveragePooling3D: lastAxis(identity('linear', false)),
  GlobalAveragePooling1D: identity('linear'),
  GlobalAveragePooling2D: lastAxis(identity('linear')),
  MaxPooling1D: identity('homogeneous'),
  MaxPooling2D: lastAxis(identity('homogeneous')),
  MaxPooling3D: lastAxis(identity('homogeneous')),
  GlobalMaxPooling1D: identity('homogeneous'),
  GlobalMaxPooling2D: lastAxis(identity('homogeneous')),
  Add: combined('linear', true),
  Average: combined('linear', false),
  Maximum: combined('homogeneous', false),
  Minimum: combined('homogeneous', false),
  Multiply: (_, inputs, to) => to.product(inputs),
  Concatenate: (layer, inputs, to, size) =>
    layer.axis === -1 || inputs.reduce((sum, x) => sum + x.size, 0) === size
      ? to.concatenate(inputs)
      : to.add(inputs, 'linear', false),
  BatchNormalization: (
    { axis, gamma, beta, movingMean: mean, movingVariance: variance, ...layer },
    inputs,
    to,
  ) => {
    const x = first(inputs);
    const rank = (layer.inputSpec?.[0] as { ndim?: number } | undefined)?.ndim;
    if (axis !== -1 && axis !== (rank ?? 0) - 1) return null;
    return to.bias(beta, to.gain(gamma, to.normalise(x, 'batch', false, { mean, variance })));
  },
  LayerNormalization: ({ axis, gamma, beta }, inputs, to) => {
    if ([axis].flat().length !== 1 || (gamma ?? beta)?.shape.length !== 1) return null;
    return to.bias(beta, to.gain(gamma, to.normalise(first(inputs), 'channels', true)));
  },
};

/** A layer of a class that was described, with weights found by rank and name. */
function described(algebra: Algebra, layer: layers.Layer, inputs: readonly Wire[], to: Builder) {
  const x = first(inputs);
  if (algebra === 'opaque') return null;
  if (typeof algebra === 'object' && 'channelwise' in algebra) {
    const { inputs: count, kernel, gain } = algebra.channelwise;
    const weight = weightNamed(layer, kernel) as LayerVariable;
    const channels = to.concatenate(inputs.slice(0, count));
    const convolved = to.gain(weight, channels, [weight.shape.length - 1]);
    const y = to.opaque([convolved, ...inputs.slice(count)], x.size);
    return to.gain(gain === undefined ? null : weightNamed(layer, gain), y);
  }
  const groups =
    typeof algebra === 'object' && 'normalising' in algebra ? algebra.normalising.groups : 1;
  if (typeof algebra === 'object' && !('normalising' in algebra))
    return bilinear(algebra, inputs, to);
  const kernels = layer.weights.filter(({ shape }) => shape.length > 1);
  const vectors = layer.weights.filter(({ shape }) => shape.length === 1);
  const added = vectors.filter(({ originalName }) => /(^|\/)(bias|beta)$/.test(originalName));
  const gains = vectors.filter((vector) => !added.includes(vector));
  if (algebra === 'normalising' || typeof algebra === 'object') {
    if (kernels.length > 0 || inputs.length > 1) return null;
    let y = normalised(x, groups, to);
    for (const gain of gains) y = to.gain(gain, y);
    for (const vector of added) y = to.bias(vector, y);
    return y;
  }
  const [kernel] = kernels;
  if (gains.length > 0 || kernels.length > 1 || (kernel !== undefined && inputs.length > 1))
    return null;
  let y = inputs.length > 1 ? to.add(inputs, 'linear', false) : x;
  if (kernel !== undefined) y = to.matmul(kernel, x, undefined, false);
  else y = to.map('linear', y, { shifts: false });
  for (const vector of added) y = to.bias(vector, y);
  return algebra === 'homogeneous' ? to.map('homogeneous', y) : y;
}

/** Each of equal parts of the channels, normalised by itself. */
function normalised(x: Wire, groups: number, to: Builder): Wire {
  const width = x.size / groups;
  if (groups === 1 || width % 1 !== 0) return to.normalise(x, 'channels');
  const parts = inOrder(groups).map((group) => {
    const from = inOrder(width).map((i) => group * width + i);
    return to.normalise(to.map('linear', x, { from }), 'channels');
  });
  return to.concatenate(parts);
}

function bilinear(algebra: Bilinear, inputs: readonly Wire[], to: Builder): Wire | null {
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
  const [compared, against] = algebra.attention.normalised
    ? [normalised(query, heads, to), normalised(key, keyHeads, to)]
    : [query, key];
  to.operations.push({ type: 'score', query: compared, key: against, heads, keyHeads, pairs });
  const y = { size: (x.size / keyHeads) * heads };
  to.operations.push({ type: 'mix', x, y, heads, keyHeads });
  return y;
}

/**
 * The operations of a layer on the given wires, and the wire of its output.
 *
 * @param size of the last axis of the output
 */
export function lower(
  layer: layers.Layer,
  inputs: readonly Wire[],
  to: Builder,
  size: number,
): Wire {
  const algebra = describedAs(layer);
  const before = to.operations.length;
  const className = layer.getClassName();
  const y =
    algebra !== null
      ? described(algebra, layer, inputs, to)
      : Object.hasOwn(RULES, className)
        ? (RULES[className] as Rule)(layer as Properties, inputs, to, size)
        : null;
  if (y !== null && y.size === size) return y;
  to.operations.length = before;
  return to.opaque(inputs, size);
}
