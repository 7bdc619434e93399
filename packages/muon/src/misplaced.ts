import type * as tf from '@tensorflow/tfjs-core';
import { explainRole } from '@tfjs-lrm/core';
import type { Layout } from './layout.ts';

// The last words of a layer's name, in snake or camel case, or all of it. Not `attention/head_1`, nor
// `ffn/dense_output`: names of hidden layers.
const HEAD =
  /(^|_)(lm_?head|logits?|classifier|softmax|unembed(ding)?)(_?\d+)?$|^(head|outputs?)$/i;
const EMBEDDING = /(^|_)(embed|embeddings?|wte|wpe)(_?\d+)?$/i;

/** The aspect ratio up to which timm's Muon takes a matrix (`_is_suitable_for_muon`). */
const MOST = 128;

/**
 * Why a variable that Muon takes is probably not a hidden matrix, which Muon is for; null if it looks like one. Only a
 * variable whose role follows from its rank alone is suspected: a role that was set is deliberate.
 */
export function looksMisplaced(variable: tf.Variable, { parts }: Layout): string | null {
  const { role, source } = explainRole(variable);
  if (role !== 'matrix' || source !== 'rank') return null;
  const scopes = variable.name.replace(/_\d+$/, '').split('/');
  const [layer, own] = [scopes.at(-2) ?? '', scopes.at(-1) ?? ''].map((name) =>
    name.replace(/([a-z\d])([A-Z])/g, '$1_$2'),
  ) as [string, string];
  if (HEAD.test(layer)) return 'named like an output layer';
  if (EMBEDDING.test(layer) || EMBEDDING.test(own)) return 'named like an embedding';
  for (const { inputs, outputs } of parts) {
    const [short, long] = [Math.min(inputs, outputs), Math.max(inputs, outputs)];
    if (short === 1) return `one ${inputs === 1 ? 'row' : 'column'}, a vector in effect`;
    if (long > MOST * short) return `${long} to ${short}, as long as a vocabulary`;
  }
  return null;
}
