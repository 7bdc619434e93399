import type { layers } from '@tensorflow/tfjs-layers';
import { show } from './check.ts';

// The registry is here so that a package of layers can describe them without depending on `@tfjs-lrm/symmetry`.

/** How an input enters a product: as it is, through a homogeneous function, or through any other function. */
export type ProductTerm = 'linear' | 'homogeneous' | 'opaque';

/**
 * A layer that multiplies its inputs with each other:
 *
 * - `product`: y = Π f(xᵢ), channel by channel, one entry for each input;
 * - `attention`: y = softmax(query · keyᵀ + mask) · value per head, of the inputs [query, key, value], whose heads lie side
 *   by side along the channels. `keyHeads` (default `heads`) key and value heads serve `heads` query heads,
 *   neighbours sharing one. `rotary` says which channels of a head a rotation by position pairs: i and
 *   i + width/2 (`'halves'`), or 2i and 2i + 1 (`'neighbours'`). `normalised` says that each head of queries and keys is
 *   divided by its norm first.
 */
export type Bilinear =
  | { readonly product: readonly ProductTerm[] }
  | {
      readonly attention: {
        readonly heads: number;
        readonly keyHeads?: number | undefined;
        readonly rotary?: 'halves' | 'neighbours' | undefined;
        readonly normalised?: boolean | undefined;
      };
    };

/** Scaling all channels of one of several equal groups leaves y unchanged; gains and biases follow. */
export interface Grouped {
  readonly normalising: { readonly groups: number };
}

/**
 * A layer that concatenates its first inputs and multiplies them channel by channel by a weight of its own, as a
 * depthwise convolution over time does. What follows is opaque, except for a gain at the end.
 */
export interface Channelwise {
  readonly channelwise: {
    /** How many of its inputs are concatenated. */
    readonly inputs: number;
    /** The name of the weight; its last axis is the channels. */
    readonly kernel: string;
    /** The name of the weight that multiplies the output, if there is one. */
    readonly gain?: string | undefined;
  };
}

/** How a layer takes part in the symmetries of a model; see `describeLayer`. */
export type Algebra =
  | 'linear'
  | 'homogeneous'
  | 'normalising'
  | 'opaque'
  | Bilinear
  | Grouped
  | Channelwise;

type Describe = (layer: layers.Layer) => Algebra;

// Shared by all copies of this package, as tfjs shares its registries.
const REGISTRY: unique symbol = Symbol.for('tfjs-lrm/layer-algebra');
const shared = globalThis as { [REGISTRY]?: Map<string, Describe> };

/**
 * Declares how the layers of a class take part in symmetries. A class that is neither described nor one of tfjs' own is
 * opaque: its inputs and outputs must stay as they are. Channels are the last axis.
 *
 * - `'linear'`: y = A·x, channel by channel or mixing other axes only, the same for every channel; with several
 *   inputs the sum of such; with a weight of rank ≥ 2, [..., inputs, outputs], y = x·W + bias;
 * - `'homogeneous'`: the same with a function f(a·x) = a·f(x) for a > 0 on each channel afterwards, as relu;
 * - `'normalising'`: y does not change when x is scaled as a whole; then come a gain and a bias where it has
 *   such weights of rank 1 (`bias` and `beta` are added, another one multiplies);
 * - `{ normalising: { groups } }`: the same for each of several equal groups of channels;
 * - a `Bilinear` for products of inputs and for attention;
 * - a `Channelwise` for a layer that starts with a depthwise convolution, such as a state-space model.
 *
 * A later description of the same class replaces an earlier one.
 *
 * @param className the static `className` of the layer class
 * @param algebra called for each layer of the class, with the layer; what it returns is checked there
 * @throws TypeError for a name that is not a string or an algebra that is not a function
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

/**
 * What `describeLayer` was given for a class, or undefined.
 *
 * @example
 * descriptionOf('MyScale')?.(layer); // 'linear', after the example of describeLayer
 */
export function descriptionOf(className: string): Describe | undefined {
  return shared[REGISTRY]?.get(className);
}
