import type { layers } from '@tensorflow/tfjs-layers';
import { show } from '@tfjs-lrm/core/kit';

/** How an input enters a product: as it is, through a homogeneous function, or through another one. */
export type ProductTerm = 'linear' | 'homogeneous' | 'opaque';

/**
 * A layer that multiplies its inputs with each other:
 *
 * - `product`: y = Π f(xᵢ), channel by channel, one entry for each input;
 * - `attention`: y = softmax(query · keyᵀ + mask) · value per head, of the inputs [query, key, value], whose heads lie side
 *   by side along the channels. `keyHeads` (default `heads`) key and value heads serve `heads` query heads,
 *   neighbours sharing one. `rotary` says which channels of a head a rotation by position pairs: i and
 *   i + width/2 (`'halves'`), or 2i and 2i + 1 (`'neighbours'`).
 */
export type Bilinear =
  | { readonly product: readonly ProductTerm[] }
  | {
      readonly attention: {
        readonly heads: number;
        readonly keyHeads?: number | undefined;
        readonly rotary?: 'halves' | 'neighbours' | undefined;
      };
    };

/** How a layer takes part in the symmetries of a model; see `describeLayer`. */
export type Algebra = 'linear' | 'homogeneous' | 'normalising' | 'opaque' | Bilinear;

type Describe = (layer: layers.Layer) => Algebra;

// Shared by all copies of this package, as tfjs shares its registries.
const REGISTRY: unique symbol = Symbol.for('tfjs-lrm/layer-algebra');
const shared = globalThis as { [REGISTRY]?: Map<string, Describe> };

/**
 * Says how the layers of a class take part in symmetries; without it a class that is not one of tfjs' own is
 * opaque: what it reads and gives must stay as it is. Channels are the last axis.
 *
 * - `'linear'`: y = A·x, channel by channel or mixing other axes only, the same for every channel; with several
 *   inputs the sum of such; with a weight of rank ≥ 2, [..., inputs, outputs], y = x·W + bias;
 * - `'homogeneous'`: the same with a function f(a·x) = a·f(x) for a > 0 on each channel afterwards, as relu;
 * - `'normalising'`: y does not change when x is scaled as a whole; then come a gain and a bias where it has
 *   such weights of rank 1 (`bias` and `beta` are added, another one multiplies);
 * - a `Bilinear` for products of inputs and for attention.
 *
 * A later description of the same class replaces an earlier one.
 *
 * @param className the static `className` of the layer class
 * @param algebra called for each layer of the class, with the layer; what it returns is checked there
 * @throws TypeError for a name that is not a string and for something that is not a function
 * @example
 * describeLayer('MyScale', () => 'linear');
 */
export function describeLayer(className: string, algebra: Describe): void {
  if (typeof className !== 'string' || className === '') {
    throw new TypeError(
      `describeLayer: the class name must be a string. Received ${show(className)}. Try describeLayer('MyLayer', () => 'linear').`,
    );
  }
  if (typeof algebra !== 'function') {
    throw new TypeError(
      `describeLayer: the algebra of "${className}" must be a function of the layer. Received ${show(algebra)}. Try () => 'linear'.`,
    );
  }
  shared[REGISTRY] ??= new Map();
  shared[REGISTRY].set(className, algebra);
}

/** What a layer's class was described as, or null. */
export function describedAs(layer: layers.Layer): Algebra | null {
  const describe = shared[REGISTRY]?.get(layer.getClassName());
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
  }
  throw new RangeError(
    `${where} must be 'linear', 'homogeneous', 'normalising', 'opaque', { product } or { attention }. Received ${show(algebra)}. Try 'opaque'.`,
  );
}

function checkAttention(
  where: string,
  { attention }: { attention: { heads?: unknown; keyHeads?: unknown; rotary?: unknown } },
): void {
  const { heads, keyHeads = heads, rotary } = attention;
  const whole = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;
  if (!whole(heads) || !whole(keyHeads) || heads % keyHeads !== 0) {
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
