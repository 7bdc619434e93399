import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';

/** The last axis of a tensor in the model: the channels that a layer writes and others read. */
export interface Wire {
  readonly size: number;
}

/** What a model computes, in the order in which its outputs need it. */
export interface Circuit {
  readonly operations: readonly Operation[];
  /**
   * The weights that may move: those that the model trains, its layers and itself not being frozen, and that
   * have no constraint.
   */
  readonly trained: ReadonlySet<LayerVariable>;
  /** The plain layer that holds each weight, and the layer of the model that contains it. */
  readonly owners: ReadonlyMap<LayerVariable, { layer: layers.Layer; placed: layers.Layer }>;
}

/**
 * What happens between wires, in order of computation. Every layer that takes part becomes a few of these;
 * a wire that no operation writes is fixed: an input, or the output of an opaque layer.
 *
 * `shifts` says whether a constant added to each channel of x adds a constant to each channel of y, the same at
 * all positions: not where zeros are padded.
 */
export type Operation =
  /** y = x · W over the channels; without x (an embedding) the input axis stands for tokens. */
  | {
      readonly type: 'matmul';
      readonly kernel: LayerVariable;
      /** Axes of the kernel that stand for inputs and outputs. */
      readonly input: number;
      readonly output: number;
      readonly x: Wire | null;
      readonly y: Wire;
      readonly shifts: boolean;
    }
  /** y = x + vector */
  | {
      readonly type: 'bias';
      readonly vector: LayerVariable;
      readonly x: Wire;
      readonly y: Wire;
    }
  /** y[i] = x[from[i]] · vector[i], where the vector's elements may lie along several axes. */
  | {
      readonly type: 'gain';
      readonly vector: LayerVariable;
      readonly axes: readonly number[];
      readonly from: readonly number[];
      readonly x: Wire;
      readonly y: Wire;
      readonly shifts: boolean;
    }
  /** y[i] = f(x[from[i]]), f linear, or homogeneous: f(a·x) = a·f(x) for a > 0. */
  | {
      readonly type: 'map';
      readonly how: 'linear' | 'homogeneous';
      readonly from: readonly number[];
      readonly x: Wire;
      readonly y: Wire;
      readonly shifts: boolean;
    }
  /**
   * Several inputs become one, channel by channel, and scale together: their sum, their mean, or at each
   * position one of them (the largest; what lies there after a concatenation along another axis).
   */
  | {
      readonly type: 'combine';
      readonly by: 'sum' | 'mean' | 'choice';
      readonly how: 'linear' | 'homogeneous';
      readonly xs: readonly Wire[];
      readonly y: Wire;
    }
  /** y = [x₁, x₂, …] along the channels. */
  | { readonly type: 'concatenate'; readonly xs: readonly Wire[]; readonly y: Wire }
  /** y = Π x, channel by channel. */
  | { readonly type: 'product'; readonly xs: readonly Wire[]; readonly y: Wire }
  /**
   * y does not change when x is scaled: as a whole where statistics are taken over the channels, each channel
   * by itself where they are taken over the batch or over positions.
   */
  | {
      readonly type: 'normalise';
      readonly x: Wire;
      readonly y: Wire;
      readonly over: 'channels' | 'positions';
      /** Whether the mean is subtracted, so that a constant added to what is normalised together is not seen. */
      readonly centred: boolean;
      /** What is subtracted and divided by in inference, where these are kept. */
      readonly statistics: {
        readonly mean: LayerVariable;
        readonly variance: LayerVariable;
      } | null;
    }
  /** softmax(query · keyᵀ) per head; `pairs` names the partner of each channel of a head under rotation. */
  | {
      readonly type: 'score';
      readonly query: Wire;
      readonly key: Wire;
      readonly heads: number;
      readonly keyHeads: number;
      readonly pairs: readonly number[] | null;
    }
  /** y = probabilities · value per head, in which value heads may be shared. */
  | {
      readonly type: 'mix';
      readonly x: Wire;
      readonly y: Wire;
      readonly heads: number;
      readonly keyHeads: number;
    }
  /** y = softmax(x) over the channels: a number added to all of x is not seen, and y has a sum of 1. */
  | { readonly type: 'softmax'; readonly x: Wire; readonly y: Wire }
  /** What reads x must see it as it is, but for a number added to all channels where it is centred. */
  | { readonly type: 'fix'; readonly x: Wire; readonly centred: boolean }
  /** A multiplier of a kernel, along these axes of it; none for a scalar. */
  | {
      readonly type: 'factor';
      readonly which: 'row' | 'column' | 'scalar';
      readonly factor: LayerVariable;
      readonly kernel: LayerVariable;
      readonly axes: readonly number[];
    };

/** 0, 1, …, size − 1 */
export const inOrder = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

/** For each output channel of attention the value channel that it comes from: heads that share one repeat it. */
export function sharedChannels(size: number, heads: number, keyHeads: number): number[] {
  const width = size / keyHeads;
  const group = heads / keyHeads;
  return inOrder(heads * width).map(
    (i) => Math.floor(Math.floor(i / width) / group) * width + (i % width),
  );
}

/** The wires that an operation reads. */
export function inputsOf(at: Operation): readonly Wire[] {
  switch (at.type) {
    case 'combine':
    case 'concatenate':
    case 'product':
      return at.xs;
    case 'score':
      return [at.query, at.key];
    case 'factor':
      return [];
    default:
      return at.x === null ? [] : [at.x];
  }
}

/** Looks up operations by the wires that they read and write, and how often each weight is used. */
export class Wiring {
  readonly #readers = new Map<Wire, Operation[]>();
  readonly #writers = new Map<Wire, Operation>();
  readonly #uses = new Map<LayerVariable, number>();
  readonly #trained: ReadonlySet<LayerVariable>;

  constructor({ operations, trained }: Circuit) {
    this.#trained = trained;
    for (const at of operations) {
      for (const wire of inputsOf(at)) this.#readers.set(wire, [...this.readersOf(wire), at]);
      if ('y' in at) this.#writers.set(at.y, at);
      const weight = at.type === 'matmul' ? at.kernel : 'vector' in at ? at.vector : null;
      if (weight !== null) this.#uses.set(weight, (this.#uses.get(weight) ?? 0) + 1);
    }
  }

  readersOf(wire: Wire): readonly Operation[] {
    return this.#readers.get(wire) ?? [];
  }

  /** Undefined for a fixed wire. */
  writerOf(wire: Wire): Operation | undefined {
    return this.#writers.get(wire);
  }

  /** Whether a weight may move, and is used in one place alone. */
  isFree(weight: LayerVariable): boolean {
    return this.#trained.has(weight) && this.#uses.get(weight) === 1;
  }
}
