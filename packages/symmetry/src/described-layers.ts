import type { layers } from '@tensorflow/tfjs-layers';
import {
  type Algebra,
  type Bilinear,
  type Channelwise,
  type Grouped,
  OUTPUTS_LAST,
} from '@tfjs-lrm/core/kit';
import type { Builder } from './builder.ts';
import { inOrder, type Wire } from './circuit.ts';
import { weightNamed } from './describe-layer.ts';

/** Turns a call of a described layer into operations, recognising weights by rank and name; null if it is opaque. */
export function lowerDescribed(
  algebra: Algebra,
  layer: layers.Layer,
  inputs: readonly Wire[],
  to: Builder,
): Wire | null {
  const x = inputs[0] as Wire;
  if (algebra === 'opaque') return null;
  if (algebra === 'normalising') return normalising({ groups: 1 }, layer, inputs, to);
  if (typeof algebra === 'object') {
    if ('normalising' in algebra) return normalising(algebra.normalising, layer, inputs, to);
    if ('channelwise' in algebra) return channelwise(algebra.channelwise, layer, inputs, to);
    return bilinear(algebra, inputs, to);
  }
  const { kernels, added, gains } = weightsOf(layer);
  const [kernel] = kernels;
  if (gains.length > 0 || kernels.length > 1 || (kernel !== undefined && inputs.length > 1))
    return null;
  let y = inputs.length > 1 ? to.combine(inputs) : x;
  if (kernel !== undefined) y = to.matmul({ kernel, axes: OUTPUTS_LAST }, x, false);
  else y = to.map('linear', y, { shifts: false });
  for (const vector of added) y = to.bias(vector, y);
  return algebra === 'homogeneous' ? to.map('homogeneous', y) : y;
}

/** The weights of a layer by what they do. */
function weightsOf({ weights }: layers.Layer) {
  const kernels = weights.filter(({ shape }) => shape.length > 1);
  const vectors = weights.filter(({ shape }) => shape.length === 1);
  const added = vectors.filter(({ originalName }) => /(^|\/)(bias|beta)$/.test(originalName));
  return { kernels, added, gains: vectors.filter((vector) => !added.includes(vector)) };
}

function normalising(
  { groups }: Grouped['normalising'],
  layer: layers.Layer,
  inputs: readonly Wire[],
  to: Builder,
): Wire | null {
  const [x] = inputs as [Wire];
  const { kernels, added, gains } = weightsOf(layer);
  if (kernels.length > 0 || inputs.length > 1 || x.size % groups !== 0) return null;
  let y = normalised(x, groups, to);
  for (const gain of gains) y = to.gain(gain, y);
  for (const vector of added) y = to.bias(vector, y);
  return y;
}

/** Several equal groups of channels, each normalised by itself. */
function normalised(x: Wire, groups: number, to: Builder): Wire {
  if (groups === 1) return to.normalise(x, 'channels');
  const width = x.size / groups;
  const parts = inOrder(groups).map((group) => {
    const from = inOrder(width).map((i) => group * width + i);
    return to.normalise(to.map('linear', x, { from }), 'channels');
  });
  return to.concatenate(parts);
}

function channelwise(
  { inputs: count, kernel, gain }: Channelwise['channelwise'],
  layer: layers.Layer,
  inputs: readonly Wire[],
  to: Builder,
): Wire | null {
  const [x] = inputs as [Wire];
  const weight = weightNamed(layer, kernel);
  const channels = to.concatenate(inputs.slice(0, count));
  if (weight === null || weight.shape.at(-1) !== channels.size) return null;
  // Before the first time step it reads zeros, so a constant does not have the same effect at all steps.
  const convolved = to.gain(weight, channels, { axes: [weight.shape.length - 1], shifts: false });
  const y = to.opaque([convolved, ...inputs.slice(count)], x.size);
  return gain === undefined ? y : to.gain(weightNamed(layer, gain), y);
}

function bilinear(algebra: Bilinear, inputs: readonly Wire[], to: Builder): Wire | null {
  if ('product' in algebra) {
    if (algebra.product.length !== inputs.length) return null;
    const terms = inputs.map((x, i) => {
      const how = algebra.product[i];
      if (how === 'linear') return x;
      return how === 'homogeneous' ? to.map('homogeneous', x) : to.opaque([x], x.size);
    });
    return to.product(terms);
  }
  const { heads, keyHeads = heads, rotary, normalised: isNormalised = false } = algebra.attention;
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
  to.operations.push({
    type: 'score',
    query: isNormalised ? normalised(query, heads, to) : query,
    key: isNormalised ? normalised(key, keyHeads, to) : key,
    heads,
    keyHeads,
    pairs,
  });
  const y = { size: (x.size / keyHeads) * heads };
  to.operations.push({ type: 'mix', x, y, heads, keyHeads });
  return y;
}
