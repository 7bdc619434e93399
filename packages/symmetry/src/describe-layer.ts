import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { type Algebra, descriptionOf, show } from '@tfjs-lrm/core/kit';

/** The description of a layer's class, or null. */
export function describedAs(layer: layers.Layer): Algebra | null {
  const describe = descriptionOf(layer.getClassName());
  if (describe === undefined) return null;
  const algebra: unknown = describe(layer);
  const where = `describeLayer: the algebra of layer "${layer.name}" (${layer.getClassName()})`;
  if (typeof algebra === 'string') {
    if (['linear', 'homogeneous', 'normalising', 'opaque'].includes(algebra))
      return algebra as Algebra;
  } else if (typeof algebra === 'object' && algebra !== null) {
    if ('product' in algebra && Array.isArray(algebra.product)) return algebra as Algebra;
    if ('attention' in algebra) {
      checkAttention(where, algebra as { attention: { heads?: unknown; keyHeads?: unknown } });
      return algebra as Algebra;
    }
    if ('normalising' in algebra) {
      checkGroups(where, (algebra.normalising as { groups?: unknown } | null)?.groups);
      return algebra as Algebra;
    }
    if ('channelwise' in algebra) {
      checkChannelwise(where, layer, { ...(algebra.channelwise as object) });
      return algebra as Algebra;
    }
  }
  throw new RangeError(
    `${where} must be 'linear', 'homogeneous', 'normalising', 'opaque', { product }, { attention }, { normalising } or { channelwise }. Received ${show(algebra)}. Try 'opaque'.`,
  );
}

const isWhole = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;

function checkGroups(where: string, groups: unknown): void {
  if (isWhole(groups)) return;
  throw new RangeError(
    `${where} must have a whole number of groups. Received ${show(groups)}. Try { normalising: { groups: 2 } }.`,
  );
}

/** The weight of a layer by its name without the layer's. */
export const weightNamed = (layer: layers.Layer, name: string | undefined): LayerVariable | null =>
  layer.weights.find(({ originalName }) => originalName.split('/').at(-1) === name) ?? null;

function checkChannelwise(
  where: string,
  layer: layers.Layer,
  { inputs, kernel, gain }: { inputs?: unknown; kernel?: unknown; gain?: unknown },
): void {
  if (!isWhole(inputs)) {
    throw new RangeError(
      `${where} must say how many of its inputs are convolved. Received ${show(inputs)}. Try { channelwise: { inputs: 1, kernel: 'depthwise_kernel' } }.`,
    );
  }
  for (const name of gain === undefined ? [kernel] : [kernel, gain]) {
    if (typeof name === 'string' && weightNamed(layer, name) !== null) continue;
    const names = layer.weights.map(({ originalName }) => show(originalName.split('/').at(-1)));
    throw new RangeError(
      `${where} must name a weight of the layer. Received ${show(name)}. Try one of ${names.join(', ')}.`,
    );
  }
}

function checkAttention(
  where: string,
  { attention }: { attention: { heads?: unknown; keyHeads?: unknown; rotary?: unknown } },
): void {
  const { heads, keyHeads = heads, rotary } = attention;
  if (!isWhole(heads) || !isWhole(keyHeads) || heads % keyHeads !== 0) {
    throw new RangeError(
      `${where} must have heads that are a multiple of its keyHeads. Received ${show(heads)} and ${show(keyHeads)}. Try { attention: { heads: 4 } }.`,
    );
  }
  if (rotary !== undefined && rotary !== 'halves' && rotary !== 'neighbours') {
    throw new RangeError(
      `${where} must have a rotary that is 'halves' or 'neighbours'. Received ${show(rotary)}. Try 'halves', or leave it out.`,
    );
  }
}
