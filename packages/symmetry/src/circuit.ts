import type { LayerVariable } from '@tensorflow/tfjs-layers';

/** The last axis of a tensor in the model: the channels that a layer writes and others read. */
export interface Wire {
  readonly size: number;
}

/**
 * What happens between wires, in order of computation. Every layer that takes part becomes a few of these;
 * a wire that no operation writes is fixed: an input, or what an opaque layer gives.
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
      /** Whether a constant added to x adds a constant to y: not where zeros are padded. */
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
  /** y = Σ x, or another function that scales as all of its inputs do together. */
  | {
      readonly type: 'add';
      readonly xs: readonly Wire[];
      readonly y: Wire;
      readonly how: 'linear' | 'homogeneous';
      readonly shifts: boolean;
    }
  /** y = [x₁, x₂, …] along the channels. */
  | { readonly type: 'concatenate'; readonly xs: readonly Wire[]; readonly y: Wire }
  /** y = Π x, channel by channel. */
  | { readonly type: 'product'; readonly xs: readonly Wire[]; readonly y: Wire }
  /** y does not change when x is scaled: as a whole, or each channel by itself over the batch. */
  | {
      readonly type: 'normalise';
      readonly x: Wire;
      readonly y: Wire;
      readonly over: 'channels' | 'batch';
      /** Whether y does not change either when the same number is added to all channels of x. */
      readonly centred: boolean;
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
  /** What reads x must see it as it is, but for a number added to all channels where it is centred (softmax). */
  | { readonly type: 'fix'; readonly x: Wire; readonly centred: boolean }
  /** A multiplier of a kernel, along these axes of it; none for a scalar. */
  | {
      readonly type: 'factor';
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
    case 'add':
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
