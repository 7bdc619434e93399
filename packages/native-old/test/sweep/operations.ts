/** Every operation of tfjs-core, with calls that cover its types and optional arguments. */
import * as tf from '@tensorflow/tfjs-core';
import type { Cases } from './case.ts';
import { elementwise } from './elementwise.ts';
import { networks } from './networks.ts';
import { reductions } from './reductions.ts';
import { shapes } from './shapes.ts';

export const cases: Cases = { ...elementwise, ...reductions, ...shapes, ...networks };

/** Operations whose kernels tfjs-node does not have. */
export const WITHOUT_KERNEL: Readonly<Record<string, string>> = {
  raggedGather: 'RaggedGather',
  raggedRange: 'RaggedRange',
  raggedTensorToTensor: 'RaggedTensorToTensor',
  'sparse.sparseFillEmptyRows': 'SparseFillEmptyRows',
  'sparse.sparseReshape': 'SparseReshape',
  'sparse.sparseSegmentMean': 'SparseSegmentMean',
  'sparse.sparseSegmentSum': 'SparseSegmentSum',
  'string.stringNGrams': 'StringNGrams',
  'string.stringSplit': 'StringSplit',
  'string.stringToHashBucketFast': 'StringToHashBucketFast',
};

/** Operations that take strings, which are made outside of a step. */
export const OF_STRINGS: readonly string[] = ['string.staticRegexReplace'];

/** The names of all operations that tfjs-core has, each once. */
export function operationNames(): string[] {
  const { image, linalg, losses, signal, sparse, string, fused } = tf;
  const groups = { image, linalg, losses, signal, sparse, string, fused };
  const isOperation = (value: unknown): boolean =>
    typeof value === 'function' && value.name.endsWith('__op');
  const namesIn = (group: object, prefix: string): string[] =>
    Object.entries(group).flatMap(([name, value]) => (isOperation(value) ? [prefix + name] : []));
  return [
    ...namesIn(tf, ''),
    ...Object.entries(groups).flatMap(([name, group]) => namesIn(group, `${name}.`)),
  ].sort();
}
