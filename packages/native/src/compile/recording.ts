import type * as tf from '@tensorflow/tfjs-core';
import type { Reference } from './graph.ts';

/** Where an input of the function comes from in a call. */
export type Source =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'variable'; readonly variable: tf.Variable }
  | { readonly kind: 'captured'; readonly tensor: tf.Tensor }
  | { readonly kind: 'counter' };

/** A recorded step as a graph, with where its inputs come from and where its outputs go. */
export interface Recording {
  readonly definition: Uint8Array;
  readonly inputs: readonly { readonly reference: Reference; readonly source: Source }[];
  /** The results, then the new values of `changed`. */
  readonly outputs: readonly Reference[];
  readonly results: number;
  readonly changed: readonly tf.Variable[];
  /** The operations in the order in which they ran. */
  readonly operations: readonly string[];
  /** What told the draws of random numbers apart. */
  readonly streams: readonly number[];
}
