import type { LayerVariable, layers } from '@tensorflow/tfjs-layers';

/** The last axis of a tensor in the model: the channels that a layer writes and others read. */
export interface Wire {
  readonly size: number;
}

/** A model as operations between wires, in order of computation. */
export interface Circuit {
  readonly operations: readonly Operation[];
  /**
   * The weights that may move: those that are trained, since neither their layer nor the model is frozen, and that have
   * no constraint.
   */
  readonly trained: ReadonlySet<LayerVariable>;
  /** The plain layer that holds each weight, and the layer of the model that contains it. */
  readonly owners: ReadonlyMap<LayerVariable, { layer: layers.Layer; placed: layers.Layer }>;
}

/**
 * A step of the computation between wires. Every layer that takes part becomes a few of these. A wire that no operation
 * writes is fixed: an input, or the output of an opaque layer.
 *
 * `shifts` is true if a constant added to each channel of x adds a constant to each channel of y, the same at all
 * positions; false where zeros are padded.
 */
export type Operation =
  /** y = x · W over the channels; without x (an embedding) the input axis is tokens. */
  | {
      readonly type: 'matmul';
      readonly kernel: LayerVariable;
      /** The axes of the kernel for inputs and outputs. */
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
   * Combines several inputs channel by channel, which then scale together: their sum, their mean, or at each position
   * one of them (the largest, or the one found there after a concatenation along another axis).
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
   * Scaling x leaves y unchanged: scaling it as a whole if statistics are taken over the channels, or each channel by
   * itself if they are taken over the batch or over positions.
   */
  | {
      readonly type: 'normalise';
      readonly x: Wire;
      readonly y: Wire;
      readonly over: 'channels' | 'positions';
      /** Whether the mean is subtracted, so that a constant added to all that is normalised together has no effect. */
      readonly centred: boolean;
      /** The statistics used in inference, if the layer keeps them. */
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
  /** y = probabilities · value per head, where several heads may share a value head. */
  | {
      readonly type: 'mix';
      readonly x: Wire;
      readonly y: Wire;
      readonly heads: number;
      readonly keyHeads: number;
    }
  /** y = softmax(x) over the channels: a number added to all of x has no effect, and y has a sum of 1. */
  | { readonly type: 'softmax'; readonly x: Wire; readonly y: Wire }
  /** x must stay as it is, except, if centred, for a number added to all of its channels. */
  | { readonly type: 'fix'; readonly x: Wire; readonly centred: boolean }
  /** A multiplier of a kernel, along the given axes of the kernel; none for a scalar. */
  | {
      readonly type: 'factor';
      readonly which: 'row' | 'column' | 'scalar';
      readonly factor: LayerVariable;
      readonly kernel: LayerVariable;
      readonly axes: readonly number[];
    };

/** 0, 1, …, size − 1 */
export const inOrder = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

/** The value channel that each output channel of attention comes from; heads that share a value head repeat it. */
export function sharedChannels(size: number, heads: number, keyHeads: number): number[] {
  const width = size / keyHeads;
  const group = heads / keyHeads;
  return inOrder(heads * width).map(
    (i) => Math.floor(Math.floor(i / width) / group) * width + (i % width),
  );
}

/** The wires that an operation reads. */
export function inputsOf(operation: Operation): readonly Wire[] {
  switch (operation.type) {
    case 'combine':
    case 'concatenate':
    case 'product':
      return operation.xs;
    case 'score':
      return [operation.query, operation.key];
    case 'factor':
      return [];
    default:
      return operation.x === null ? [] : [operation.x];
  }
}

/** Finds the operations that read or write a wire, and how often each weight is used. */
export class Wiring {
  readonly #readers = new Map<Wire, Operation[]>();
  readonly #writers = new Map<Wire, Operation>();
  readonly #uses = new Map<LayerVariable, number>();
  readonly #trained: ReadonlySet<LayerVariable>;

  constructor({ operations, trained }: Circuit) {
    this.#trained = trained;
    for (const operation of operations) {
      for (const wire of inputsOf(operation))
        this.#readers.set(wire, [...this.readersOf(wire), operation]);
      if ('y' in operation) this.#writers.set(operation.y, operation);
      const weight =
        operation.type === 'matmul'
          ? operation.kernel
          : 'vector' in operation
            ? operation.vector
            : null;
      if (weight !== null) this.#uses.set(weight, (this.#uses.get(weight) ?? 0) + 1);
    }
  }

  readersOf(wire: Wire): readonly Operation[] {
    return this.#readers.get(wire) ?? [];
  }

  /** The operation that writes a wire; undefined for a fixed wire. */
  writerOf(wire: Wire): Operation | undefined {
    return this.#writers.get(wire);
  }

  /** Whether a weight may move and is used only once. */
  isFree(weight: LayerVariable): boolean {
    return this.#trained.has(weight) && this.#uses.get(weight) === 1;
  }
}
