import type { layers } from '@tensorflow/tfjs-layers';
import { OUTPUTS_LAST } from '@tfjs-lrm/core/kit';
import type { Builder } from './builder.ts';
import { inOrder, type Wire } from './circuit.ts';
import type { Algebra } from './describe-layer.ts';

/** Turns a call of a described layer into operations, its weights told by rank and name; null where it is opaque. */
export function lowerDescribed(
  algebra: Algebra,
  layer: layers.Layer,
  inputs: readonly Wire[],
  to: Builder,
): Wire | null {
  const x = inputs[0] as Wire;
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
  if (kernel !== undefined) y = to.matmul({ kernel, axes: OUTPUTS_LAST }, x, false);
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
